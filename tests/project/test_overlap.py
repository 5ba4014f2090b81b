"""One worker, many requests under way: who waits for whom, and what happens to lost links."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import psycopg
import pytest

from crud.models import Item
from lab.experiments.targets import TARGETS
from lab.running.servers import serving
from tests.project.test_gunicorn import row_locked, waiting_for_a_lock
from tests.speedups.worker.serving import eventually

pytestmark = pytest.mark.django_db(transaction=True)
DJANGO = TARGETS["django"]
COUNT = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'overlapping'
"""
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'overlapping'
"""


def connections(database_url):
    with psycopg.connect(database_url, autocommit=True) as admin:
        (count,) = admin.execute(COUNT).fetchone() or (0,)
        return count


@pytest.fixture
def one_worker(database_url, tmp_path):
    """Return what starts a service of one worker that may hold so many links."""
    named = f"{database_url}{'&' if '?' in database_url else '?'}application_name=overlapping"

    def start(links, also="", **env):
        env = {"OVERLAP_LINKS": str(links), **env}
        return serving(DJANGO, f"{named}&{also}", log=tmp_path / "log", workers=1, env=env)

    return start


def test_nobody_waits_behind_somebody_elses_lock(one_worker, database_url):
    locked, other = (Item.objects.create(name="Desk", price=1) for _ in range(2))
    with (
        one_worker(4) as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
        ThreadPoolExecutor() as clients,
    ):
        eventually(lambda: connections(database_url) >= 4)
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
        one_worker(1, MAX_WAIT_SECONDS="0.3") as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
        ThreadPoolExecutor() as clients,
    ):
        eventually(lambda: connections(database_url) >= 1)
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


def test_lost_links_come_back_and_hardly_a_read_notices(one_worker, database_url):
    item = Item.objects.create(name="Desk", price=1)
    with one_worker(3) as server, httpx.Client(base_url=server.url, timeout=20) as http:
        eventually(lambda: connections(database_url) >= 3)
        for _ in range(5):
            with psycopg.connect(database_url, autocommit=True) as admin:
                admin.execute(TERMINATE)
            # Django's own connection was ended, too, and may have been used just before.
            statuses = [http.get(f"/items/{item.pk}/").status_code for _ in range(20)]
            assert statuses.count(200) >= 19
            eventually(lambda: connections(database_url) >= 3)
        assert http.patch(f"/items/{item.pk}/", json={"quantity": 5}).json()["quantity"] == 5


def test_a_request_that_fails_in_the_database_is_explained_by_django(one_worker, database_url):
    item = Item.objects.create(name="Desk", price=1)
    with (
        one_worker(4, also="options=-c%20lock_timeout%3D300ms", MAX_WAIT_SECONDS="0.1") as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
    ):
        eventually(lambda: connections(database_url) >= 4)
        with row_locked(database_url, item.pk):
            answer = http.patch(f"/items/{item.pk}/", json={"quantity": 5})
        assert answer.status_code == 503
        assert answer.json()["detail"] == "The row is locked by another change."
        assert http.patch(f"/items/{item.pk}/", json={"quantity": 5}).status_code == 200


def test_a_change_whose_link_is_lost_is_not_tried_again_although_others_are_there(
    one_worker, database_url
):
    item = Item.objects.create(name="Desk", price=1)
    with (
        one_worker(4) as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
        ThreadPoolExecutor() as clients,
    ):
        eventually(lambda: connections(database_url) >= 4)
        with row_locked(database_url, item.pk) as holder:
            change = clients.submit(http.delete, f"/items/{item.pk}/")
            eventually(lambda: waiting_for_a_lock(holder))
            holder.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
            eventually(lambda: not waiting_for_a_lock(holder))
        assert change.result().status_code == 503  # it may have been done, for all we know
        assert http.get(f"/items/{item.pk}/").status_code == 200


def test_answers_say_how_long_they_waited_for_the_database(one_worker, database_url):
    item = Item.objects.create(name="Desk", price=1)
    with (
        one_worker(4, SERVER_TIMING="1") as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
    ):
        eventually(lambda: connections(database_url) >= 4)
        timing = http.get(f"/items/{item.pk}/").headers["Server-Timing"]
        parts = dict(part.strip().split(";dur=") for part in timing.split(","))
        assert set(parts) == {"queue", "db", "app"}
        assert float(parts["db"]) > 0
