"""One worker, many requests under way: who waits for whom, and what happens to lost links."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import psycopg
import pytest

from crud.models import Item
from lab.experiments.targets import TARGETS
from tests.forks import serving
from tests.project.test_gunicorn import row_locked, waiting_for_a_lock
from tests.speedups.worker.serving import eventually

pytestmark = pytest.mark.django_db(transaction=True)
DJANGO = TARGETS["django"]
LINKS = 4
SHARED = "overlapping"  # what the service that tests share is called in the database
OF = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"


def connections(database_url, name=SHARED):
    with psycopg.connect(database_url, autocommit=True) as admin:
        (count,) = admin.execute(f"SELECT count(*) {OF}", (name,)).fetchone() or (0,)
        return count


@pytest.fixture(scope="module")
def one_worker(database_url, tmp_path_factory):
    """Return what starts a service of one worker that may hold so many links."""
    log = tmp_path_factory.mktemp("overlap") / "log"
    given = f"{database_url}{'&' if '?' in database_url else '?'}application_name="

    @contextlib.contextmanager
    def start(name, links, also="", **env):
        env = {"OVERLAP_LINKS": str(links), **env}
        url = f"{given}{name}&{also}"
        with serving(DJANGO, url, log=log, workers=1, env=env) as server:
            eventually(lambda: connections(database_url, name) >= links)
            yield server

    return start


@pytest.fixture(scope="module")
def served(one_worker):
    with one_worker(SHARED, LINKS, SERVER_TIMING="1") as server:
        yield server


@pytest.fixture
def http(served, database_url):
    """A client of a service whose links all are there."""
    eventually(lambda: connections(database_url) >= LINKS)
    with httpx.Client(base_url=served.url, timeout=20) as client:
        yield client


def test_nobody_waits_behind_somebody_elses_lock(http, database_url):
    locked, other = (Item.objects.create(name="Desk", price=1) for _ in range(2))
    with ThreadPoolExecutor() as clients:
        change = partial(http.patch, json={"quantity": 7})
        with row_locked(database_url, locked.pk) as holder:
            waiting = clients.submit(change, f"/items/{locked.pk}/")
            eventually(lambda: waiting_for_a_lock(holder))
            for _ in range(20):
                assert http.get(f"/items/{locked.pk}/").json()["quantity"] == 0
            assert http.get("/items/").status_code == 200
            assert http.post("/items/", json={"name": "New", "price": 1}).status_code == 201
            assert change(f"/items/{other.pk}/").json()["quantity"] == 7
            assert http.delete(f"/items/{other.pk}/").status_code == 204
            assert not waiting.done()
        assert waiting.result().json()["quantity"] == 7


def test_what_waits_too_long_for_a_link_is_refused(one_worker, database_url):
    item = Item.objects.create(name="Desk", price=1)
    with (
        one_worker("alone", 1, MAX_WAIT_SECONDS="0.3") as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
        ThreadPoolExecutor() as clients,
    ):
        with row_locked(database_url, item.pk) as holder:
            change = clients.submit(http.patch, f"/items/{item.pk}/", json={"quantity": 7})
            eventually(lambda: waiting_for_a_lock(holder))
            begun = time.monotonic()
            refused = http.get(f"/items/{item.pk}/")
            assert 0.2 < time.monotonic() - begun < 5
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert http.get("/livez").status_code == 200
        assert change.result().status_code == 200
        assert http.get(f"/items/{item.pk}/").json()["quantity"] == 7


def test_lost_links_come_back_and_hardly_a_read_notices(http, database_url):
    item = Item.objects.create(name="Desk", price=1)
    for _ in range(5):
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute(f"SELECT pg_terminate_backend(pid) {OF}", (SHARED,))
        # Django's own connection was ended, too, and may have been used just before.
        statuses = [http.get(f"/items/{item.pk}/").status_code for _ in range(20)]
        assert statuses.count(200) >= 19
        eventually(lambda: connections(database_url) >= LINKS)
    assert http.patch(f"/items/{item.pk}/", json={"quantity": 5}).json()["quantity"] == 5


def test_a_request_that_fails_in_the_database_is_explained_by_django(one_worker, database_url):
    item = Item.objects.create(name="Desk", price=1)
    with (
        one_worker(
            "impatient", 4, "options=-c%20lock_timeout%3D300ms", MAX_WAIT_SECONDS="0.1"
        ) as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
    ):
        with row_locked(database_url, item.pk):
            answer = http.patch(f"/items/{item.pk}/", json={"quantity": 5})
        assert answer.status_code == 503
        assert answer.json()["detail"] == "The row is locked by another change."
        assert http.patch(f"/items/{item.pk}/", json={"quantity": 5}).status_code == 200


def test_a_change_whose_link_is_lost_is_not_tried_again_although_others_are_there(
    http, database_url
):
    item = Item.objects.create(name="Desk", price=1)
    with ThreadPoolExecutor() as clients:
        with row_locked(database_url, item.pk) as holder:
            change = clients.submit(http.delete, f"/items/{item.pk}/")
            eventually(lambda: waiting_for_a_lock(holder))
            holder.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
            eventually(lambda: not waiting_for_a_lock(holder))
        assert change.result().status_code == 503  # it may have been done, for all we know
        assert http.get(f"/items/{item.pk}/").status_code == 200


def test_answers_say_how_long_they_waited_for_the_database(http):
    item = Item.objects.create(name="Desk", price=1)
    timing = http.get(f"/items/{item.pk}/").headers["Server-Timing"]
    parts = dict(part.strip().split(";dur=") for part in timing.split(","))
    assert set(parts) == {"queue", "db", "app"}
    assert float(parts["db"]) > 0
