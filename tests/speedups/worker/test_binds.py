"""Where the worker can listen: UNIX sockets, several addresses, a port for each, inherited ones."""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.running.processes import program
from tests.contract.raw import HOST, head
from tests.speedups.worker.serving import (
    BUFFERED,
    answers,
    eventually,
    gunicorn,
    receive_all,
)

PID = head("GET /pid HTTP/1.1", HOST)
FORWARDED = head("GET /a?b HTTP/1.1", HOST, "X-Forwarded-Proto: https", "Connection: close")
# What execs gunicorn with a listening socket as its descriptor 3.
INHERITING = """
import os, socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
if "LISTEN_FDS" in os.environ:
    os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


@contextlib.contextmanager
def connected(address):
    """Connect to a TCP address or to a UNIX socket's path."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family) as link:
        link.settimeout(20)
        link.connect(address)
        yield link


def body(data):
    return data.rpartition(b"\r\n\r\n")[2]


def who_answers(link):
    link.sendall(PID)
    return int(body(link.recv(1000)))


def asked(address, request):
    with connected(address) as link:
        link.sendall(request)
        return receive_all(link)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A worker of ours and a `sync` one, each at a port and at a UNIX socket."""
    folder = tmp_path_factory.mktemp("binds")
    with contextlib.ExitStack() as stack:
        found = {}
        for worker_class in (BUFFERED, "sync"):
            path = str(folder / worker_class[:4])
            address, _ = stack.enter_context(
                gunicorn(folder, "echo", worker_class=worker_class, also=[f"unix:{path}"])
            )
            found[worker_class] = address, path
        yield found


def environ(address, request=FORWARDED):
    """Return what the application sees of a request, without what differs each time."""
    seen = json.loads(body(asked(address, request)))["environ"]
    return {
        name: value
        for name, value in seen.items()
        if name not in {"REMOTE_PORT", "SERVER_PORT", "SERVER_NAME", "wsgi.input"}
    }


def test_a_unix_socket_and_a_port_are_served_at_once_as_sync_serves_them(both):
    for mine, theirs in zip(both[BUFFERED], both["sync"], strict=True):
        assert environ(mine) == environ(theirs)


def test_a_proxy_at_a_unix_socket_is_trusted_as_gunicorn_trusts_it(both):
    at_the_port, at_the_path = map(environ, both[BUFFERED])
    assert at_the_path["wsgi.url_scheme"] == at_the_port["wsgi.url_scheme"] == "https"
    assert at_the_path["REMOTE_ADDR"] == ""


def test_connections_at_both_addresses_are_spread_together(tmp_path):
    path = str(tmp_path / "socket")
    served = gunicorn(tmp_path, workers=3, keepalive=60, also=[f"unix:{path}"])
    with served as (address, _), contextlib.ExitStack() as held:
        eventually(lambda: len(workers_of([address] * 12)) == 3)
        links = [held.enter_context(connected(where)) for where in [address, path] * 24]
        counts = Counter(map(who_answers, links)).values()
        assert max(counts) <= 1.3 * min(counts), counts


def workers_of(addresses):
    with contextlib.ExitStack() as held:
        links = [held.enter_context(connected(address)) for address in addresses]
        return Counter(map(who_answers, links))


def test_with_reuse_port_all_workers_answer_and_nobody_waits_for_another(tmp_path):
    settings: dict[str, Any] = {"workers": 3, "keepalive": 60, "reuse_port": True}
    with gunicorn(tmp_path, **settings) as (address, started), ThreadPoolExecutor() as pool:
        eventually(lambda: len(workers_of([address] * 30)) == 3)
        times = []
        with contextlib.ExitStack() as held:
            links = []
            for _ in range(60):
                begun = time.monotonic()
                links.append(held.enter_context(connected(address)))
                who_answers(links[-1])
                times.append(time.monotonic() - begun)
            # The kernel chooses by a hash, and a worker can take its own connections only.
            assert len(Counter(map(who_answers, links))) == 3
        assert sorted(times)[54] < 0.1
        slow = [pool.submit(asked, address, head("GET /sleep/0.3 HTTP/1.0")) for _ in range(4)]
        time.sleep(0.15)
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait(10) == 0
        assert {one.result()[8:15] for one in slow} == {b" 200 OK"}


@pytest.mark.parametrize(("bind", "env"), [
    (["--bind", "fd://3"], {}), ([], {"LISTEN_FDS": "1"}),  # by hand, and as systemd does it
])  # fmt: skip
def test_a_listening_socket_may_be_inherited(tmp_path, bind, env):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host, port = probe.getsockname()
    command = (
        sys.executable, "-c", INHERITING, host, str(port),
        "-m", "gunicorn", "-c", "python:tests.speedups.worker.configuration",
        "-k", BUFFERED, "-w", "2", *bind, "tests.speedups.worker.applications:simple",
    )  # fmt: skip
    with program(command, log=tmp_path / "log", env=env) as started:
        eventually(lambda: answers((host, port)) or started.exit_code() is not None)
        assert started.exit_code() is None, started.last_lines()
        eventually(lambda: len(workers_of([(host, port)] * 8)) == 2)
