"""The worker under a real master: how connections are spread, what signals do, what it refuses."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from gunicorn.config import Config

from drf_speedups.worker import BufferedWorker
from lab.running.processes import program
from tests.contract.raw import HOST, head
from tests.speedups.worker.serving import eventually, gunicorn, receive_all, talk

PID = head("GET /pid HTTP/1.1", HOST)
CLOSE = head("GET /pid HTTP/1.1", HOST, "Connection: close")
WORKERS = 4
CONNECTIONS = 120


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("life")
    settings: dict[str, Any] = {
        "workers": WORKERS,
        "keepalive": 60,
        "errorlog": str(folder / "error.log"),
    }
    with gunicorn(folder, **settings) as (address, started):
        # gunicorn tells a worker once to stop: one that is only just forked would not hear it.
        eventually(lambda: len(spread(address, 2 * WORKERS)) == WORKERS)
        yield address, started, folder


def body(answer):
    return answer.rpartition(b"\r\n\r\n")[2]


def spread(address, connections):
    """Return how many of so many connections each worker holds."""
    with contextlib.ExitStack() as held:
        opened = [
            held.enter_context(socket.create_connection(address, timeout=30))
            for _ in range(connections)
        ]
        first = Counter(map(who_answers, opened))
        assert first == Counter(map(who_answers, opened))  # each stays where it is
    return first


def who_answers(connection):
    connection.sendall(PID)
    return int(body(connection.recv(1000)))


def test_connections_are_spread_evenly_over_the_workers(served):
    address, _, _ = served
    counts = spread(address, CONNECTIONS).values()
    assert sum(counts) == CONNECTIONS
    assert max(counts) <= 1.3 * min(counts), counts


def test_sighup_replaces_the_workers_and_no_request_is_lost(served):
    address, started, _ = served
    before = children(started)
    os.kill(started.pid, signal.SIGHUP)

    def renewed():
        assert talk(address, CLOSE).startswith(b"HTTP/1.1 200 OK")
        return len(children(started) - before) == WORKERS and not children(started) & before

    eventually(renewed)
    assert started.exit_code() is None


def children(started):
    """Return the workers' process ids."""
    return {one.pid for one in psutil.Process(started.pid).children()}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_sigusr1_opens_the_log_anew_and_disturbs_none_holds(served):
    address, started, folder = served
    log, moved = folder / "error.log", folder / "error.log.1"
    log.rename(moved)
    os.kill(started.pid, signal.SIGUSR1)
    eventually(log.exists)
    assert talk(address, CLOSE).startswith(b"HTTP/1.1 200 OK")
    moved.unlink()


def test_sigttin_and_sigttou_add_and_take_away_a_worker(served):
    address, started, _ = served
    os.kill(started.pid, signal.SIGTTIN)
    eventually(lambda: len(children(started)) == WORKERS + 1)
    os.kill(started.pid, signal.SIGTTOU)
    eventually(lambda: len(children(started)) == WORKERS)
    assert talk(address, CLOSE).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(("number", "answered"), [(signal.SIGTERM, True), (signal.SIGQUIT, False)])
def test_sigterm_lets_a_request_end_and_sigquit_does_not(tmp_path, number, answered):
    with gunicorn(tmp_path, graceful_timeout=5) as (address, started), ThreadPoolExecutor() as pool:
        slow = pool.submit(talk, address, head("GET /sleep/0.8 HTTP/1.1", HOST), end=False)
        idle = socket.create_connection(address, timeout=30)
        time.sleep(0.3)
        begun = time.monotonic()
        os.kill(started.pid, number)
        assert started.wait(10) == 0
        assert slow.result().startswith(b"HTTP/1.1 200 OK") or not answered
        assert time.monotonic() - begun < 4
        assert receive_all(idle) == b""
        idle.close()


def test_a_reader_that_the_end_cuts_off_is_in_the_log_also_after_a_long_answer(tmp_path):
    """The master counts from its signal, not from the end of the answer in hand."""
    with (
        gunicorn(tmp_path, graceful_timeout=3) as (address, started),
        socket.create_connection(address, timeout=30) as client,
    ):
        client.sendall(head("GET /big HTTP/1.1", HOST))  # and it reads nothing of 10 MB
        with ThreadPoolExecutor() as pool:
            pool.submit(talk, address, head("GET /sleep/1.5 HTTP/1.1", HOST), end=False)
            time.sleep(0.3)
            os.kill(started.pid, signal.SIGTERM)
            assert started.wait(10) == 0
        assert "cut off: the worker has to stop" in started.last_lines(20)


def test_sigusr2_starts_a_second_master_beside_the_first(tmp_path):
    pidfile = tmp_path / "pid"
    with gunicorn(tmp_path, pidfile=str(pidfile), timeout=10) as (address, started):
        os.kill(started.pid, signal.SIGUSR2)
        second = int(eventually(lambda: read(tmp_path / "pid.2")))
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait(10) == 0
        assert eventually(lambda: talk(address, CLOSE)).startswith(b"HTTP/1.1 200 OK")
        os.kill(second, signal.SIGTERM)
        eventually(lambda: not alive(second) or refuses(address))


def read(path):
    return path.read_text().strip() if path.exists() else ""


def refuses(address):
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
        return False
    return True


@pytest.mark.parametrize(("setting", "value", "named"), [
    ("certfile", "/tmp/cert.pem", "TLS (certfile, keyfile)"),
    ("proxy_protocol", "v1", "proxy_protocol"),
    ("protocol", "uwsgi", "protocol uwsgi"),
    ("http_protocols", "h2,h1", "http_protocols h2"),
])  # fmt: skip
def test_what_it_cannot_do_ends_the_start_with_a_line_that_says_so(setting, value, named):
    lines = []

    class Log:
        def error(self, message, *values):
            lines.append(message % values)

    cfg = Config()
    cfg.set(setting, value)
    with pytest.raises(SystemExit) as ended:
        BufferedWorker.check_config(cfg, Log())
    assert ended.value.code == 2
    assert lines == [f"BufferedWorker cannot serve {named}: use worker_class gthread"]


def test_a_master_that_is_told_to_serve_tls_ends_at_once(tmp_path):
    application = "tests.speedups.worker.applications:simple"
    command = (sys.executable, "-m", "gunicorn", "-k", "drf_speedups.worker.BufferedWorker",
               "--certfile", __file__, "--no-control-socket", "--bind=127.0.0.1:0",
               application)  # fmt: skip
    with program(command, log=tmp_path / "log", env={}) as started:
        assert started.wait(20) == 2
        assert "cannot serve TLS (certfile, keyfile): use worker_class" in started.last_lines()
        assert "Traceback" not in started.last_lines(50)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_only_just_forked_hears_the_end_without_any_hook(tmp_path, number):
    slow: dict[str, Any] = {"second_is_slow": 2, "workers": 2, "graceful_timeout": 15}
    with gunicorn(tmp_path, **slow) as (_, started):
        eventually(lambda: len(children(started)) == 2)
        os.kill(started.pid, number)
        assert started.wait(10) == 0  # after 15 s the master would kill it


def test_a_worker_that_is_only_just_forked_opens_the_log_anew(tmp_path):
    log, moved = tmp_path / "error.log", tmp_path / "error.log.1"
    slow: dict[str, Any] = {"second_is_slow": 2, "workers": 2, "errorlog": str(log)}
    with gunicorn(tmp_path, **slow) as (_, started):
        eventually(lambda: len(children(started)) == 2)
        log.rename(moved)
        os.kill(started.pid, signal.SIGUSR1)
        eventually(log.exists)
        eventually(lambda: all(str(log) in written(pid) for pid in children(started)))
        assert not any(str(moved) in written(pid) for pid in children(started))


def written(pid):
    """Return the files that a process has open."""
    return {one.path for one in psutil.Process(pid).open_files()}
