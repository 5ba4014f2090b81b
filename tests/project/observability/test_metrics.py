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
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest
from django.db import connection
from django.urls import URLPattern
from psycopg.sql import SQL, Identifier

from crud.models import Item
from crud.urls import urlpatterns
from lab.running.servers import Server
from project.observability.tally import BOUNDS, Spread, Tally
from tests.forks import serving
from tests.load.conftest import free_port
from tests.project.observability.scraping import Observed, Scrape, observed
from tests.project.production import PRODUCTION, run
from tests.project.test_gunicorn import (
    DJANGO,
    GUNICORN,
    MOSTLY_OURS,
    row_locked,
    waiting_for_a_lock,
)
from tests.speedups.worker.serving import eventually

ROUTES = {url.name: str(url.pattern) for url in urlpatterns if isinstance(url, URLPattern)}
ITEMS, ITEM = ROUTES["item-list"], ROUTES["item-detail"]


@pytest.fixture(scope="module", params=MOSTLY_OURS)
def service(request, database_url, tmp_path_factory) -> Iterator[Observed]:
    """A service of each kind that tells all it can."""
    folder = tmp_path_factory.mktemp("metrics")
    with observed(database_url, folder, request.param, SERVER_TIMING="1") as found:
        mine = folder_of(found.server)
        yield found
    assert not mine.exists()


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
    """Return those of all masters on this machine."""
    return set(Path("/dev/shm").glob("metrics-*"))


def folder_of(server: Server) -> Path:
    assert server.program
    (mine,) = Path("/dev/shm").glob(f"metrics-*/counter_{server.program.pid}.db")
    return mine.parent


@pytest.mark.django_db(transaction=True)
def test_two_workers_count_each_request_once_whichever_lane_answers_it(service):
    item = Item.objects.create(name="Desk", price=1)
    url, threaded = service.server.url, service.kind == "gthread"
    before = service.told()
    asked = ask_until_both_answered(f"{url}/items/{item.pk}/")
    httpx.get(f"{url}/items/{item.pk}/", headers={"If-None-Match": '"no"'})  # not express
    httpx.post(f"{url}/items/", json={"name": ""})
    for path in ("/nothing", "/nothing/2", "/wp-login.php"):
        httpx.get(url + path)
    httpx.request("BREW", f"{url}/items/")
    after = service.told()

    def more(name: str, **labels: str) -> float:
        return float(after.total(name, **labels) - before.total(name, **labels))

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
    assert queued == (0 if threaded else asked + 6)  # who knows when a request was there
    assert after.total("worker_slots") == (4 if threaded else 2)
    assert {one.labels["route"] for one in after.all(count)} <= {ITEM, ITEMS, "unmatched"}


@pytest.mark.django_db
def test_a_killed_worker_keeps_its_counts_and_leaves_no_gauge(service):
    for _ in range(10):
        httpx.get(f"{service.server.url}/items/")
    before = service.told()
    for number in (signal.SIGKILL, signal.SIGTERM):
        victim = workers(service.server)[0]
        victim.send_signal(number)
        assert not psutil.wait_procs([victim], timeout=20)[1]
        eventually(lambda: len(workers(service.server)) == 2)
    after = service.told()
    folder = folder_of(service.server)
    assert (folder / "counter_0.db").exists()
    assert not list(folder.glob(f"*_{victim.pid}.db"))
    count = "http_requests_total"
    assert after.total(count) == before.total(count) >= 10
    assert after.total("http_request_duration_seconds_count") >= 10
    assert after.total("worker_slots") == before.total("worker_slots")


@pytest.mark.django_db(transaction=True)
def test_what_waited_too_long_and_what_could_not_be_read_is_counted(database_url, tmp_path):
    first, second = (Item.objects.create(name="Desk", price=1).pk for _ in range(2))
    # Not express: there a request counts as busy when it has ended.
    change = partial(httpx.patch, json={"quantity": 7}, headers={"If-Match": "*"}, timeout=20)
    env = {"WEB_CONCURRENCY": "1", "MAX_WAIT_SECONDS": "0.2"}
    with observed(database_url, tmp_path, **env) as service, ThreadPoolExecutor() as clients:
        items = f"{service.server.url}/items/"
        with row_locked(database_url, second):
            with row_locked(database_url, first) as holder:
                clients.submit(change, f"{items}{first}/")
                eventually(lambda: waiting_for_a_lock(holder))
                clients.submit(change, f"{items}{second}/")
                time.sleep(0.3)
                late = clients.submit(httpx.get, items, timeout=20)  # waits for the second change
                busy = service.told().total("worker_slots_busy")
            time.sleep(0.5)
        assert late.result().status_code == 503
        with socket.create_connection(("127.0.0.1", httpx.URL(items).port or 0)) as broken:
            broken.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
            assert broken.recv(100).startswith(b"HTTP/1.1 400 ")
        after = service.told()
    assert busy == pytest.approx(1, abs=0.1)  # though the request in hand has not ended
    assert after.total("worker_slots_busy") < 0.1
    assert after.total("http_requests_shed_total") == 1
    assert after.total("http_requests_refused_total", status="400") == 1


@contextlib.contextmanager
def closed_database(url: str) -> Iterator[None]:
    """Let the test database end all sessions but the tests' own, and take no new ones."""
    name = Identifier(connection.settings_dict["NAME"])
    close = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
    with psycopg.connect(
        urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True
    ) as admin:
        admin.execute(close(name, SQL("false")))
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> %s",
                (connection.settings_dict["NAME"], connection.connection.info.backend_pid),
            )
            yield
        finally:
            admin.execute(close(name, SQL("true")))


@pytest.mark.django_db
def test_errors_of_the_database_are_counted_by_kind(service, database_url):
    items = f"{service.server.url}/items/"
    before = service.told()
    connection.ensure_connection()
    with closed_database(database_url):
        for _ in range(5):
            answer = httpx.get(items, timeout=20)
            assert answer.status_code == 503
            assert "db;dur=0.00" not in answer.headers["Server-Timing"]  # though the lane failed
    after = service.told()
    for count, labels in (("database_errors_total", {}), ("http_requests_total", {"route": ITEMS})):
        more = [scrape.total(count, status="503", **labels) for scrape in (after, before)]
        assert more[0] - more[1] == 5


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_requests_overlap_is_not_called_full_while_it_takes_more(
    database_url, tmp_path
):
    items = [Item.objects.create(name="Desk", price=1).pk for _ in range(3)]
    change = partial(httpx.patch, json={"quantity": 7}, timeout=20)
    env = {"WEB_CONCURRENCY": "1", "OVERLAP_LINKS": "4", "MAX_WAIT_SECONDS": "0"}
    with (
        observed(database_url, tmp_path, **env) as service,
        ThreadPoolExecutor() as clients,
    ):
        url = f"{service.server.url}/items/"
        with contextlib.ExitStack() as held:
            holders = [held.enter_context(row_locked(database_url, item)) for item in items]
            changes = [clients.submit(change, f"{url}{item}/") for item in items]
            eventually(lambda: waiting_for_a_lock(holders[0]))
            time.sleep(0.5)
        assert [one.result().status_code for one in changes] == [200] * len(items)
        most = 0.0
        for _ in range(40):  # in one of them their half second is told
            told = Scrape(service.port)
            most = max(most, told.total("worker_slots_busy") / told.total("worker_slots"))
            time.sleep(0.02)
    assert most < 0.9


def test_the_metrics_have_a_port_of_their_own(service):
    assert httpx.get(f"{service.server.url}/metrics").status_code == 404
    assert ports(service.server) == {httpx.URL(service.server.url).port, service.port}


@pytest.mark.django_db
def test_without_a_port_there_are_no_metrics(database_url, tmp_path):
    with serving(DJANGO, database_url, log=tmp_path / "log") as server:
        assert "Server-Timing" not in httpx.get(f"{server.url}/items/").headers
        assert ports(server) == {httpx.URL(server.url).port}


@pytest.mark.django_db(transaction=True)
def test_server_timing_says_where_the_time_went_in_both_lanes(service):
    item = Item.objects.create(name="Desk", price=1)
    with httpx.Client(base_url=service.server.url) as client:
        for headers in ({}, {"If-None-Match": '"other"'}):
            client.get(f"/items/{item.pk}/", headers=headers)  # connects
            said = client.get(f"/items/{item.pk}/", headers=headers).headers["Server-Timing"]
            parts = dict(re.findall(r"(\w+);dur=([\d.]+)", said))
            named = ["db", "app"] if service.kind == "gthread" else ["queue", "db", "app"]
            assert list(parts) == named
            assert float(parts["db"]) > 0
            assert float(parts["app"]) > 0


def test_a_busy_port_for_metrics_stops_the_start_with_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(*GUNICORN, **PRODUCTION, LOG_LEVEL="WARNING", PORT=str(free_port()),
                    METRICS_HOST="127.0.0.1", METRICS_PORT=port)  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"metrics cannot be served at 127.0.0.1, port {port} (Address already in use): "
        "stop what listens there, or set METRICS_PORT, METRICS_HOST\n"
    )


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


def test_a_request_that_overlaps_takes_a_part_of_a_slot():
    tally = Tally()
    tally.is_read = True
    took = tally.end("GET", "", 200, time.perf_counter() - 1, None, 0.0, slot=0.25)
    assert tally.busy_seconds() == pytest.approx(took / 4)
    assert tally.take().answers["GET", "", 200].seconds == took
    assert tally.busy_seconds() == pytest.approx(took / 4)
