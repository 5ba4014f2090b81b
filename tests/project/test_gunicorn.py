"""The service under a real gunicorn: how it starts, what it logs and how it stops."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from crud.models import Item
from lab.servers import serving
from lab.targets import TARGETS
from tests.project.production import PRODUCTION, run

GUNICORN = ("-m", "gunicorn", "project.wsgi")
DJANGO = TARGETS["django"]


def logged(log: Path) -> list[dict[str, Any]]:
    """Return all lines, each of which has to be one JSON object."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def eventually(true, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.02)


@pytest.mark.parametrize(("name", "value", "line"), [
    ("DATABASE_URL", "", "DATABASE_URL is missing: "),
    ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', allowed are DEBUG, "),
    ("PORT", "65536", "PORT is '65536', allowed are whole numbers from 1 to 65535"),
    ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY is '0', allowed are whole numbers from 1 to 1024"),
    ("GUNICORN_THREADS", "two", "GUNICORN_THREADS is 'two', allowed are whole numbers from 1"),
    ("GUNICORN_WORKER_CLASS", "fast", "GUNICORN_WORKER_CLASS is 'fast', allowed are gthread, "),
])  # fmt: skip
def test_a_wrong_setting_stops_the_start_with_one_line_and_no_new_attempt(name, value, line):
    ended = run(*GUNICORN, **{**PRODUCTION, "LOG_LEVEL": "WARNING", name: value})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(line)


@pytest.mark.parametrize("value", ["many", "-1"])
def test_a_number_of_workers_that_gunicorn_reads_before_us_stops_the_start_too(value):
    ended = run(*GUNICORN, **PRODUCTION, WEB_CONCURRENCY=value)
    assert ended.returncode == 1
    assert value in ended.stderr.strip().splitlines()[-1]


def test_a_busy_port_stops_the_start_with_one_line():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(*GUNICORN, **{**PRODUCTION, "LOG_LEVEL": "WARNING", "PORT": str(port)})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"port {port} is in use: stop what listens there, or set PORT\n"


@pytest.mark.django_db
def test_every_line_of_the_log_is_json_and_says_which_request_it_is_about(database_url, tmp_path):
    log = tmp_path / "log"
    env = {"LOG_LEVEL": "INFO"}
    with serving(DJANGO, database_url, log=log, workers=2, threads=3, env=env) as server:
        assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready"}
        assert httpx.get(f"{server.url}/livez").json() == {"status": "alive"}
        assert httpx.get(f"{server.url}/items", headers={"X-Request-ID": "followed"}).is_success
        eventually(lambda: "followed" in log.read_text())
    lines = logged(log)
    assert all(
        {"time", "severity", "logger", "message", "request_id"} <= set(line) for line in lines
    )
    (mine,) = [line for line in lines if line["request_id"] == "followed"]
    assert (mine["status"], mine["route"], mine["method"]) == (200, "^items/?$", "GET")
    assert not any("/readyz" in line["message"] or "/livez" in line["message"] for line in lines)
    (start,) = [line["message"] for line in lines if "workers x" in line["message"]]
    assert start.startswith("2 workers x 3 threads, 6 database connections of ")
    assert "Django 5.2" in start
    assert "gunicorn 27" in start


@pytest.mark.django_db
def test_more_threads_than_the_database_has_connections_is_a_warning(database_url, tmp_path):
    log = tmp_path / "log"
    env = {"GUNICORN_THREADS": "512", "LOG_LEVEL": "WARNING"}
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
    found = holder.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return found != (0,)


@pytest.mark.django_db(transaction=True)
def test_sigterm_finishes_the_request_in_hand_and_says_unready_meanwhile(database_url, tmp_path):
    item = Item.objects.create(name="Desk", price=1)
    answers = []

    def change(url: str) -> None:
        answers.append(httpx.patch(url, json={"quantity": 7}, timeout=20).status_code)

    with (
        serving(DJANGO, database_url, log=tmp_path / "log", workers=1, threads=4) as server,
        httpx.Client(base_url=server.url, timeout=20) as probe,
    ):
        assert probe.get("/readyz").status_code == 200
        with row_locked(database_url, item.pk) as holder:
            under_way = threading.Thread(target=change, args=(f"{server.url}/items/{item.pk}/",))
            under_way.start()
            eventually(lambda: waiting_for_a_lock(holder))
            os.kill(server.program.pid, signal.SIGTERM)
            time.sleep(0.3)  # seconds in which the worker learns of it
            unready = probe.get("/readyz")  # on the connection it has: no new one is taken
        under_way.join(20)
        assert server.program.wait(10) == 0
    assert (unready.status_code, unready.json()["detail"]) == (503, "Shutting down.")
    assert answers == [200]
    item.refresh_from_db()
    assert item.quantity == 7
