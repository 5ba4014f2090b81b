"""The service under a real gunicorn: how it starts, what it logs and how it stops."""

import contextlib
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from crud.models import Item
from drf_speedups.server.container import default_workers
from lab.experiments.targets import TARGETS
from lab.running import servers
from tests.forks import serving
from tests.project.production import PRODUCTION, run
from tests.speedups.worker.serving import eventually

GUNICORN = ("-m", "gunicorn", "project.wsgi")
DJANGO = TARGETS["django"]
CLASSES = ["drf_speedups.worker.BufferedWorker", "gthread"]
# For what hardly depends on the kind of worker: `make torture` asks the other one, too.
MOSTLY_OURS = [CLASSES[0], pytest.param(CLASSES[1], marks=pytest.mark.torture)]
SLOW_SECOND_WORKER = """
import time
exec(open("gunicorn.conf.py").read())
ours = post_fork

def post_fork(server, worker):
    ours(server, worker)
    time.sleep(worker.age - 1)
"""
WITHOUT_EPOLL = """
import runpy, select, sys
for name in [name for name in dir(select) if name.lower().startswith("epoll")]:
    delattr(select, name)
sys.argv = ["gunicorn", "project.wsgi", "--bind", sys.argv[1]]
runpy.run_module("gunicorn", run_name="__main__")
"""
READ_TWICE = """
import gc, runpy
runpy.run_path("gunicorn.conf.py")
print(gc.isenabled())
gc.enable()  # as `when_ready` does
runpy.run_path("gunicorn.conf.py")["on_reload"](None)
print(gc.isenabled())
"""


@pytest.fixture(params=CLASSES)
def worker_class(request) -> dict[str, str]:
    """The environment that chooses each worker class we support."""
    return {"GUNICORN_WORKER_CLASS": request.param}


def logged(log: Path) -> list[dict[str, Any]]:
    """Return all lines, each of which has to be one JSON object."""
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["", "auto"])
def test_a_number_of_workers_may_be_left_to_us(database_url, tmp_path, value):
    env = {"LOG_LEVEL": "INFO", "WEB_CONCURRENCY": value}
    with servers.serving(DJANGO, database_url, log=tmp_path / "log", env=env):
        eventually(lambda: f"{default_workers()} workers x 1" in (tmp_path / "log").read_text())


@pytest.mark.django_db
def test_every_line_of_the_log_is_json_and_says_which_request_it_is_about(
    database_url, tmp_path, worker_class
):
    log = tmp_path / "log"
    env = {"LOG_LEVEL": "INFO", **worker_class}
    with serving(DJANGO, database_url, log=log, workers=2, threads=3, env=env) as server:
        assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready"}
        assert httpx.get(f"{server.url}/livez").json() == {"status": "alive"}
        assert httpx.get(f"{server.url}/items", headers={"X-Request-ID": "followed"}).is_success
        eventually(lambda: "followed" in log.read_text())
        assert server.program
        os.kill(server.program.pid, signal.SIGHUP)
        eventually(lambda: log.read_text().count("Booting worker") == 4)
    lines = logged(log)
    assert all(
        {"time", "severity", "logger", "message", "request_id"} <= set(line) for line in lines
    )
    (mine,) = [line for line in lines if line["request_id"] == "followed"]
    assert (mine["status"], mine["route"], mine["method"]) == (200, "^items/?$", "GET")
    assert not any("/readyz" in line["message"] or "/livez" in line["message"] for line in lines)
    (start,) = [line["message"] for line in lines if "workers x" in line["message"]]
    threaded = worker_class["GUNICORN_WORKER_CLASS"] == "gthread"
    overlapping = "2 workers x 1 threads and 3 links, 8"
    arithmetic = "2 workers x 3 threads, 6" if threaded else overlapping
    assert start.startswith(f"{arithmetic} database connections of ")
    assert "Django 5.2" in start
    assert "gunicorn 27" in start
    assert start.endswith("; statement_timeout 5s, lock_timeout 3s")


@pytest.mark.django_db(transaction=True)
def test_without_epoll_the_whole_service_serves(database_url, tmp_path):
    command = ("{python}", "-c", WITHOUT_EPOLL, "127.0.0.1:{port}")
    without = replace(DJANGO, command=command, worker_class="gthread")
    with servers.serving(without, database_url, log=tmp_path / "log") as server:
        assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready"}
        made = httpx.post(f"{server.url}/items/", json={"name": "Lamp", "price": "1"})
        assert made.status_code == 201


def test_garbage_is_collected_after_a_reload_as_before():
    ended = run("-c", READ_TWICE, **PRODUCTION)
    assert ended.stdout.split() == ["False", "True"]


@pytest.mark.django_db
def test_more_threads_than_the_database_has_connections_is_a_warning(database_url, tmp_path):
    log = tmp_path / "log"
    env = {"GUNICORN_THREADS": "512", "GUNICORN_WORKER_CLASS": "gthread", "LOG_LEVEL": "WARNING"}
    with serving(DJANGO, database_url, log=log, env=env):
        pass
    (line,) = logged(log)  # and the level keeps everything else away
    assert line["severity"] == "WARNING"
    assert line["message"].startswith("512 database connections are needed but max_connections is")


@contextlib.contextmanager
def row_locked(url: str, key: int):
    """Hold the row, so that a request which changes it is under way until the block ends."""
    with psycopg.connect(url) as holder:
        holder.execute("SELECT 1 FROM crud_item WHERE id = %s FOR UPDATE", (key,))
        yield holder


def waiting_for_a_lock(holder: psycopg.Connection) -> bool:
    """Tell whether somebody waits for what the connection holds."""
    found = holder.execute(
        "SELECT count(*) FROM pg_locks"
        " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    ).fetchone()
    return found != (0,)


@pytest.mark.django_db(transaction=True)
def test_sigterm_finishes_the_request_in_hand_and_says_unready_meanwhile(
    database_url, tmp_path, worker_class
):
    item = Item.objects.create(name="Desk", price=1)
    log = tmp_path / "log"
    with (
        serving(DJANGO, database_url, log=log, threads=4, env=worker_class) as server,
        httpx.Client(base_url=server.url, timeout=20) as probe,
        ThreadPoolExecutor() as clients,
    ):
        assert probe.get("/readyz").status_code == 200
        with row_locked(database_url, item.pk) as holder:
            change = clients.submit(
                httpx.patch, f"{server.url}/items/{item.pk}/", json={"quantity": 7}, timeout=20
            )
            eventually(lambda: waiting_for_a_lock(holder))
            assert server.program
            os.kill(server.program.pid, signal.SIGTERM)
            time.sleep(0.3)  # seconds in which the worker learns of it
            # On the connection it has: no new one is taken.
            unready = clients.submit(probe.get, "/readyz")
            time.sleep(0.1)
        assert server.program.wait(10) == 0
    assert (unready.result().status_code, change.result().status_code) == (503, 200)
    assert unready.result().json()["detail"] == "Shutting down."
    item.refresh_from_db()
    assert item.quantity == 7


@pytest.mark.django_db
def test_a_worker_that_has_just_been_forked_hears_sigterm_too(database_url, tmp_path, worker_class):
    log, config = tmp_path / "log", tmp_path / "slow.py"
    config.write_text(SLOW_SECOND_WORKER)
    env = {"GUNICORN_CMD_ARGS": f"--config {config}", "LOG_LEVEL": "INFO", **worker_class}
    with serving(DJANGO, database_url, log=log, workers=2, env=env) as server:
        eventually(lambda: log.read_text().count("Booting worker") == 2)
        assert server.program
        os.kill(server.program.pid, signal.SIGTERM)
        assert server.program.wait(5) == 0  # after 8 s it would be killed


@pytest.mark.django_db(transaction=True)
def test_what_waited_too_long_is_refused_at_once_and_probes_are_not(database_url, tmp_path):
    items = [Item.objects.create(name="Desk", price=1) for _ in range(2)]
    alone = {"MAX_WAIT_SECONDS": "0.2", "OVERLAP_LINKS": "0"}
    with (
        serving(DJANGO, database_url, log=tmp_path / "log", env=alone) as server,
        httpx.Client(timeout=20) as http,
        ThreadPoolExecutor() as clients,
    ):
        first, second = (f"{server.url}/items/{item.pk}/" for item in items)
        change = partial(http.patch, json={"quantity": 7})
        with row_locked(database_url, items[1].pk):
            with row_locked(database_url, items[0].pk) as holder:
                changes = [clients.submit(change, first)]
                eventually(lambda: waiting_for_a_lock(holder))
                changes.append(clients.submit(change, second))
                time.sleep(0.3)
                # These are read when the first change is done, and wait for the second.
                late = clients.submit(http.get, first)
                probe = clients.submit(http.get, f"{server.url}/livez")
                time.sleep(0.3)
            time.sleep(0.5)
        refused = late.result()
        assert [one.result().status_code for one in (*changes, probe)] == [200, 200, 200]
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json()["detail"] == "All workers are busy."
        assert httpx.get(first).status_code == 200
