"""Metrics and Server-Timing of the service under a real gunicorn, with both worker classes."""

import contextlib
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from django.urls import URLPattern
from prometheus_client.parser import text_string_to_metric_families

from crud.models import Item
from crud.urls import urlpatterns
from lab.servers import Server, serving
from project.tally import BOUNDS, Spread, Tally
from tests.faults.cluster import cluster
from tests.project.production import PRODUCTION, run
from tests.project.test_gunicorn import (
    CLASSES,
    DJANGO,
    GUNICORN,
    eventually,
    row_locked,
    waiting_for_a_lock,
)

ROUTES = {url.name: str(url.pattern) for url in urlpatterns if isinstance(url, URLPattern)}
ITEMS, ITEM = ROUTES["item-list"], ROUTES["item-detail"]
TOLD = 1.5  # seconds within which all workers have told; they do so every 0.5 s


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Scrape:
    """What Prometheus reads at one moment."""

    def __init__(self, port: int) -> None:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.is_success
        families = text_string_to_metric_families(answer.text)
        self.samples: list[Any] = [sample for family in families for sample in family.samples]

    def all(self, name: str, **labels: str) -> list[Any]:
        return [one for one in self.samples
                if one.name == name and labels.items() <= one.labels.items()]  # fmt: skip

    def total(self, name: str, **labels: str) -> float:
        return sum(float(one.value) for one in self.all(name, **labels))


@contextlib.contextmanager
def observed(
    url: str, tmp_path: Path, workers: int = 2, **env: str
) -> Iterator[tuple[Server, int]]:
    port = free_port()
    env = {"METRICS_PORT": str(port), "METRICS_HOST": "127.0.0.1", **env}
    with serving(DJANGO, url, log=tmp_path / "log", workers=workers, threads=2, env=env) as server:
        time.sleep(0.6)  # what it took to find out that the server answers has been told
        yield server, port


def workers(server: Server) -> list[psutil.Process]:
    assert server.program
    return psutil.Process(server.program.pid).children()


def ports(server: Server) -> set[int]:
    """Return where the master listens."""
    assert server.program
    sockets = psutil.Process(server.program.pid).net_connections()
    return {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}


def ask_until_both_answered(url: str) -> int:
    """Ask on new connections, all of which stay open, and return how often."""
    seen: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        while len(seen) < 2 or seen.total() < 10:
            seen[stack.enter_context(httpx.Client()).get(url).headers["X-Served-By"]] += 1
            assert seen.total() < 200
    return seen.total()


def folders() -> set[Path]:
    return set(Path("/dev/shm").glob("metrics-*"))


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.django_db(transaction=True)
def test_two_workers_count_each_request_once_whichever_lane_answers_it(
    database_url, tmp_path, kind
):
    item = Item.objects.create(name="Desk", price=1)
    with observed(database_url, tmp_path, GUNICORN_WORKER_CLASS=kind) as (server, port):
        before = Scrape(port)
        asked = ask_until_both_answered(f"{server.url}/items/{item.pk}/")
        not_express = {"If-None-Match": '"no"'}
        httpx.get(f"{server.url}/items/{item.pk}/", headers=not_express)
        httpx.post(f"{server.url}/items/", json={"name": ""})
        for path in ("/nothing", "/nothing/2", "/wp-login.php"):
            httpx.get(server.url + path)
        httpx.request("BREW", f"{server.url}/items/")
        time.sleep(TOLD)
        after = Scrape(port)

    def more(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    count = "http_requests_total"
    assert more(count, method="GET", route=ITEM, status="200") == asked + 1
    assert more(count, method="POST", route=ITEMS, status="400") == 1
    assert more(count, route="unmatched", status="404") == 3
    assert more(count, method="other", status="405") == 1
    assert more(count) == more("http_request_duration_seconds_count") == asked + 6
    assert more("http_request_database_seconds_count") == asked + 6
    in_database = more("http_request_database_seconds_sum")
    assert 0 < in_database < more("http_request_duration_seconds_sum")
    queued = more("http_request_queue_seconds_count")
    assert queued == (0 if kind == "gthread" else asked + 6)  # who knows when a request was there
    assert after.total("worker_slots") == (4 if kind == "gthread" else 2)
    assert {one.labels["route"] for one in after.all(count)} <= {ITEM, ITEMS, "unmatched"}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.django_db
def test_a_killed_worker_keeps_its_counts_and_leaves_no_gauge(database_url, tmp_path, kind):
    with observed(database_url, tmp_path, GUNICORN_WORKER_CLASS=kind) as (server, port):
        for _ in range(10):
            httpx.get(f"{server.url}/items/")
        time.sleep(TOLD)
        before = Scrape(port)
        for number in (signal.SIGKILL, signal.SIGTERM):
            victim = workers(server)[0]
            victim.send_signal(number)
            eventually(lambda gone=victim: not gone.is_running())
            eventually(lambda: len(workers(server)) == 2)
        time.sleep(TOLD)
        after = Scrape(port)
        (folder,) = (one for one in folders() if (one / "counter_0.db").exists())
        assert not list(folder.glob(f"*_{victim.pid}.db"))
    assert after.total("http_requests_total") == before.total("http_requests_total") >= 10
    assert after.total("http_request_duration_seconds_count") >= 10
    assert after.total("worker_slots") == before.total("worker_slots")
    assert not folder.exists()


@pytest.mark.django_db(transaction=True)
def test_what_waited_too_long_and_what_could_not_be_read_is_counted(database_url, tmp_path):
    first, second = (Item.objects.create(name="Desk", price=1).pk for _ in range(2))
    change = partial(httpx.patch, json={"quantity": 7}, timeout=20)
    with (
        observed(database_url, tmp_path, workers=1, MAX_WAIT_SECONDS="0.2") as (server, port),
        ThreadPoolExecutor() as clients,
    ):
        items = f"{server.url}/items/"
        with row_locked(database_url, second):
            with row_locked(database_url, first) as holder:
                clients.submit(change, f"{items}{first}/")
                eventually(lambda: waiting_for_a_lock(holder))
                clients.submit(change, f"{items}{second}/")
                time.sleep(0.3)
                late = clients.submit(httpx.get, items, timeout=20)  # waits for the second change
                time.sleep(0.9)
                busy = Scrape(port).total("worker_slots_busy")
            time.sleep(0.5)
        assert late.result().status_code == 503
        with socket.create_connection(("127.0.0.1", httpx.URL(items).port or 0)) as broken:
            broken.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
            assert broken.recv(100).startswith(b"HTTP/1.1 400 ")
        time.sleep(TOLD)
        after = Scrape(port)
    assert busy == pytest.approx(1, abs=0.1)  # though the request in hand has not ended
    assert after.total("worker_slots_busy") < 0.1
    assert after.total("http_requests_shed_total") == 1
    assert after.total("http_requests_refused_total", status="400") == 1


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_of_the_database_are_counted_by_kind(tmp_path, kind):
    with (
        cluster("metrics") as database,
        observed(database.url, tmp_path, GUNICORN_WORKER_CLASS=kind, SERVER_TIMING="1") as (
            server,
            port,
        ),
    ):
        assert httpx.get(f"{server.url}/items/").status_code == 200
        database.stop()
        for _ in range(5):
            answer = httpx.get(f"{server.url}/items/", timeout=20)
            assert answer.status_code == 503
            assert "db;dur=0.00" not in answer.headers["Server-Timing"]  # though the lane failed
        time.sleep(TOLD)
        after = Scrape(port)
    assert after.total("database_errors_total", status="503") == 5
    assert after.total("http_requests_total", route=ITEMS, status="503") == 5


@pytest.mark.django_db
def test_the_metrics_have_a_port_of_their_own_and_exist_only_when_it_is_given(
    database_url, tmp_path
):
    had = folders()
    with observed(database_url, tmp_path) as (server, port):
        assert httpx.get(f"{server.url}/metrics").status_code == 404
        assert ports(server) == {httpx.URL(server.url).port, port}
    with serving(DJANGO, database_url, log=tmp_path / "log") as server:
        assert folders() == had
        assert "Server-Timing" not in httpx.get(f"{server.url}/items/").headers
        assert ports(server) == {httpx.URL(server.url).port}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.django_db(transaction=True)
def test_server_timing_says_where_the_time_went_in_both_lanes(database_url, tmp_path, kind):
    item = Item.objects.create(name="Desk", price=1)
    env = {"SERVER_TIMING": "1", "GUNICORN_WORKER_CLASS": kind}
    with serving(DJANGO, database_url, log=tmp_path / "log", env=env) as server:
        url = f"{server.url}/items/{item.pk}/"
        for headers in ({}, {"If-None-Match": '"other"'}):
            httpx.get(url, headers=headers)  # connects
            said = httpx.get(url, headers=headers).headers["Server-Timing"]
            parts = dict(re.findall(r"(\w+);dur=([\d.]+)", said))
            assert list(parts) == ["db", "app"] if kind == "gthread" else ["queue", "db", "app"]
            assert float(parts["db"]) > 0
            assert float(parts["app"]) > 0


def test_a_busy_port_for_metrics_stops_the_start_with_one_line():
    had = folders()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(*GUNICORN, **PRODUCTION, LOG_LEVEL="WARNING", PORT=str(free_port()),
                    METRICS_HOST="127.0.0.1", METRICS_PORT=port)  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"metrics cannot be served at 127.0.0.1, port {port} (Address already in use): "
        "stop what listens there, or set METRICS_PORT, METRICS_HOST\n"
    )
    assert folders() == had


def test_durations_are_counted_in_the_first_bucket_that_holds_them():
    spread = Spread()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.001, 1000.0):
        spread.add(seconds)
    assert (spread.counts[0], spread.counts[1], spread.counts[-1]) == (2, 1, 1)


def test_a_request_in_hand_is_busy_before_it_ends():
    tally = Tally()
    tally.is_read = True
    started = tally.begin()
    time.sleep(0.02)
    assert tally.busy_seconds() >= 0.02
    took = tally.end("GET", "", 200, started, None, 0.0)
    assert tally.busy_seconds() == took
