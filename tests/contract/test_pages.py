"""The list: keyset pages, newest first."""

from urllib.parse import urlsplit

import psycopg
import pytest

from tests.contract.expectations import assert_refused


@pytest.fixture
def rows(api):
    """Some items that were just created, oldest first."""
    new = [{"name": f"n{number}", "price": number} for number in range(7)]
    return [api.post("/items/", json=item).json() for item in new]


def walk(api, url):
    """Return all pages from `url` on."""
    pages = []
    while url:
        pages.append(api.get(url).json())
        url = pages[-1]["next"]
    return pages


def test_a_page_has_these_members(api, rows):
    page = api.get("/items/?limit=3").json()
    assert page.keys() == {"next", "previous", "results"}
    assert page["results"] == rows[:-4:-1]
    assert page["previous"] is None


@pytest.fixture
def few_rows(database):
    """Other tests have left hundreds, and to walk through them takes long."""
    with psycopg.connect(database.url) as connection:
        connection.execute("DELETE FROM crud_item")


def test_all_pages_together_are_every_row_once_newest_first(api, few_rows, rows):
    whole = api.get("/items/?limit=100").json()
    pages = walk(api, "/items/?limit=3")
    ids = [item["id"] for page in pages for item in page["results"]]
    assert ids == sorted(set(ids), reverse=True)
    assert ids[:100] == [item["id"] for item in whole["results"]]
    assert all(len(page["results"]) == 3 for page in pages[:-1])


def test_next_is_an_absolute_url_of_the_same_service_and_limit(api, rows):
    older = api.get("/items?limit=3").json()["next"]
    parts = urlsplit(older)
    assert f"{parts.scheme}://{parts.netloc}" == str(api.base_url).rstrip("/")
    assert parts.path.rstrip("/") == "/items"
    assert api.get(older).json()["results"] == rows[-4:-7:-1]


def test_rows_that_come_and_go_meanwhile_move_no_page(api, rows):
    first = api.get("/items/?limit=2").json()
    api.post("/items/", json={"name": "newer", "price": 1})
    api.delete(f"/items/{rows[-1]['id']}/")
    second = api.get(first["next"]).json()
    assert second["results"] == rows[-3:-5:-1]


def test_ours_leads_back_too(ours):
    for number in range(5):
        ours.http.post("/items/", json={"name": "n", "price": number})
    first = ours.http.get("/items/?limit=2").json()
    second = ours.http.get(first["next"]).json()
    assert ours.http.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize("limit", [1, 20, 100])
def test_limit_is_the_most_rows_of_a_page(api, rows, limit):
    assert len(api.get(f"/items/?limit={limit}").json()["results"]) <= limit


def test_twenty_rows_are_a_page_when_nothing_is_said(api):
    for number in range(21):
        api.post("/items/", json={"name": "n", "price": number})
    assert len(api.get("/items/").json()["results"]) == 20


@pytest.mark.parametrize(
    "limit",
    ["0", "101", "-1", "%2B1", "1_0", "1.0", "1e1", "abc", "", "true", "%201", "1%00", "%00",
     "%EF%BC%91", "%D9%A1", "%C2%B2", "99999999999999999999", "9" * 3000, "0000001002500"],
    ids=lambda limit: limit[:20],
)  # fmt: skip
def test_another_limit_is_refused(api, limit):
    assert_refused(api.get(f"/items/?limit={limit}"), 400)


@pytest.mark.parametrize(
    "cursor",
    ["x", "", "%00", "%FF", "-1", "cD0", "cD1hYmM=", "bz01JnA9Mw==", "bz0tMQ==", "cD0xXzA=",
     "cD05OTk5OTk5OTk5OTk5OTk5OTk5OQ==", "9" * 20, "%EF%BC%91", "' OR 1=1 --"],
)  # fmt: skip
def test_a_cursor_that_came_from_nowhere_is_refused(api, cursor):
    assert_refused(api.get(f"/items/?cursor={cursor}"), 400)
