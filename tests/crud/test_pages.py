"""Keyset pages: page 50,000 of a million rows costs what page 1 costs."""

import json
from base64 import b64encode
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crud.models import Item

pytestmark = pytest.mark.django_db

ROWS = 1_000_100
LIMIT = 20
# A temporary twin hides the table from this connection: a million rows in a second, no WAL, no
# rest for other tests; columns, index and planner are the same. To fill it may take longer than the
# service gives a statement, on a busy machine.
TWIN = f"""
    SET LOCAL statement_timeout = 0;
    CREATE TEMPORARY TABLE crud_item (LIKE crud_item INCLUDING INDEXES) ON COMMIT DROP;
    INSERT INTO crud_item SELECT n, 'Item ' || n, 'As good as new.', n % 1000, n % 7, now(), now()
        FROM generate_series(1, {ROWS}) AS n;
    ANALYZE crud_item;
    SET LOCAL statement_timeout TO DEFAULT
"""


def page(number: int) -> str:
    """Return the path of a page as the page before it would give it as `next`."""
    last_of_the_page_before = ROWS - LIMIT * (number - 1) + 1
    cursor = b64encode(f"p={last_of_the_page_before}".encode()).decode()
    return f"/items/?limit={LIMIT}&cursor={cursor}"


def steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(step for below in plan.get("Plans", []) for step in steps(below))]


def explained(client, path: str) -> list[dict[str, Any]]:
    """Return the steps of the plan of the one query that the view makes for `path`."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = client.get(path)
    assert len(answer.json()["results"]) == LIMIT
    (query,) = queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query['sql']}")
        found = cursor.fetchone()[0]
    return steps((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


def cost(plan: list[dict[str, Any]]) -> tuple[list[str], list[float], int]:
    """Return what is done, to how many rows, and a bound of the pages of the table it reads."""
    top = plan[0]
    blocks = sum(
        value for name, value in top.items() if name.endswith(("Hit Blocks", "Read Blocks"))
    )
    return [step["Node Type"] for step in plan], [step["Actual Rows"] for step in plan], blocks


def test_page_50000_of_a_million_rows_costs_what_page_1_costs(client):
    with connection.cursor() as cursor:
        cursor.execute(TWIN)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("5s",)
    first, deep = cost(explained(client, page(1))), cost(explained(client, page(50_000)))
    assert first[0] == deep[0] == ["Limit", "Index Scan"]  # no sort, no count, no other scan
    assert first[1] == deep[1] == [LIMIT + 1, LIMIT + 1]  # one more tells that there is a next page
    assert max(first[2], deep[2]) < 15
    assert client.get("/items/").json()["results"][0]["id"] == ROWS


def test_following_next_and_previous_shows_every_row_once(client):
    Item.objects.bulk_create(Item(name=f"n{n}", price=n) for n in range(7))
    seen, url, pages = [], "/items/?limit=3", []
    while url:
        pages.append(client.get(url).json())
        seen += [row["id"] for row in pages[-1]["results"]]
        url = pages[-1]["next"]
    assert seen == sorted(Item.objects.values_list("id", flat=True), reverse=True)
    assert client.get(pages[-1]["previous"]).json()["results"] == pages[-2]["results"]
    assert pages[0]["previous"] is None


def test_a_row_that_comes_or_goes_meanwhile_moves_no_other_row_between_pages(client):
    Item.objects.bulk_create(Item(name=f"n{n}", price=n) for n in range(6))
    first = client.get("/items/?limit=2").json()
    expected = list(Item.objects.values_list("id", flat=True)[2:4])
    Item.objects.create(name="new", price=1)
    Item.objects.get(id=first["results"][1]["id"]).delete()
    assert [row["id"] for row in client.get(first["next"]).json()["results"]] == expected
