"""What tests of several parts share."""

import functools
import gc
import signal
from collections.abc import Generator, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.urls import clear_script_prefix
from httpx import create_ssl_context
from httpx._transports import default as transport
from hypothesis import settings as drawing

from project.database.embedded import SERVER
from tests.emptying import _empties_few_tables
from tests.sharing import (
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

__all__ = [
    "_empties_few_tables",
    "database_url",
    "pytest_collection_modifyitems",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
]

# A shell that starts `make test &` lets it ignore Ctrl-C; what the tests start must not.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says on a busy machine what else runs there.
drawing.register_profile("tests", deadline=None)
drawing.load_profile("tests")

# Each new client of httpx would read all the authorities of the world, which takes 30 ms.
vars(transport)["create_ssl_context"] = functools.cache(create_ssl_context)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is collected, which stays: it took two fifths of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()  # nor while the tests run
        gc.enable()


@pytest.fixture(scope="session")
def database_url(django_db_setup: None) -> str:
    """The test database, for programs that a test starts.

    Such a test has the mark `django_db`; with `transaction=True` if its program writes, so that the
    tables are emptied afterwards.
    """
    url = settings.DATABASE_URL or SERVER.url()
    return urlsplit(url)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


@pytest.fixture(autouse=True)
def _script_prefix_ends() -> Iterator[None]:
    """Let a path that a request was below end with its test: Django keeps it for the thread."""
    yield
    clear_script_prefix()


@pytest.fixture(autouse=True)
def _settings_stay() -> Iterator[None]:
    """Blame the test that leaves a setting behind, not those that come after it."""
    before = vars(settings)["_wrapped"]
    yield
    now = vars(settings)["_wrapped"]
    assert now is before, "a setting stayed changed: end overrides in reverse order"
