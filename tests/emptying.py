"""How a transactional test leaves the tables empty: only those that are not are looked after.

Django's flush makes new files for all tables and all permissions anew, a fifth of a second for each
test. Here rows are deleted where there are some, and what migrations have made stays.
"""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.management.commands import flush

MADE_BY_MIGRATIONS = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session", autouse=True)
def _empties_few_tables() -> Iterator[None]:
    """Put it in the place of Django's."""
    with mock.patch.multiple(flush, sql_flush=statements, emit_post_migrate_signal=nothing):
        yield


def statements(_style: Any, connection: Any, **_how: bool) -> list[str]:
    """Return what empties the tables; foreign keys are looked at when all is done."""
    introspection, quoted = connection.introspection, connection.ops.quote_name
    tables = introspection.django_table_names(only_existing=True, include_views=False)
    asked = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM {quoted(table)})"
        for table in {*tables} - MADE_BY_MIGRATIONS
    )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return [f"DELETE FROM {quoted(table)}" for (table,) in cursor.fetchall()]


def nothing(*_args: Any, **_kwargs: Any) -> None:
    """Make nothing anew."""
