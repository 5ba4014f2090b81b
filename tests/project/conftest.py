"""What the tests of the service around the table share, in part with those of the table."""

from collections.abc import Iterator

import pytest
from django.db import connection

from drf_speedups.answers.view import knowledge
from tests.crud.conftest import client, item

__all__ = ["client", "item"]


@pytest.fixture(autouse=True)
def no_memory_of_changed_views() -> Iterator[None]:
    """Some tests change attributes of a view set, which is looked at once in a process's life."""
    knowledge.cache_clear()
    yield
    knowledge.cache_clear()


@pytest.fixture
def own_session() -> Iterator[None]:
    """A database session that nobody has after the test, whatever was set in it."""
    yield
    connection.close()
