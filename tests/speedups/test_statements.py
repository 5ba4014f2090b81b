"""Prepared statements, when the database is changed under them."""

import pytest
from django.conf import settings
from django.db import connection

from drf_speedups.database.statements import Slot, Statement

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def numbers():
    """A table that migrations change; the connection's session is its own."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE numbers AS SELECT 1 AS number")
        yield cursor
    connection.close()


@pytest.mark.parametrize("change", [
    "ALTER TABLE numbers ALTER number TYPE bigint", "DEALLOCATE ALL", "DISCARD PLANS",
    "ALTER TABLE numbers ADD extra int",
])  # fmt: skip
def test_a_statement_is_prepared_again_once(numbers, change):
    assert not settings.DEBUG  # where statements are Django's
    ask = Statement("SELECT number FROM numbers WHERE number = %s", [Slot()], "default")
    assert ask.rows([1]) == [(b"1",)]
    numbers.execute(change)
    for _ in range(2):  # what it costs to find out, and to prepare it
        assert ask.rows([1]) == [(b"1",)]
    before = _plans(numbers)
    for _ in range(3):
        assert ask.rows([1]) == [(b"1",)]
    assert _plans(numbers) == before + 3


def _plans(cursor):
    """Return how often the statement has run prepared; it is not prepared anew in between."""
    cursor.execute(
        "SELECT generic_plans + custom_plans FROM pg_prepared_statements"
        " WHERE name LIKE 'speedups%'"
    )
    return cursor.fetchone()[0]
