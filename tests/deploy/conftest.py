"""What the tests of deployment share."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.pgbouncer import Kind, Pooler, installed, prepare

NONE = pytest.param(None, marks=pytest.mark.skip("there is no pgbouncer: apt-get install it"))


@pytest.fixture(scope="session", params=installed() or [NONE], ids=lambda kind: kind and kind.name)
def kind(request) -> Kind:
    """Each PgBouncer that is installed."""
    found: Kind = request.param
    return found


@pytest.fixture
def pooler(kind, database_url, tmp_path) -> Iterator[Callable[..., Pooler]]:
    """Starts a PgBouncer in front of the test database; it stops when the test ends."""
    with contextlib.ExitStack() as stack:

        def start(**settings: str) -> Pooler:
            made = prepare(kind, database_url, tmp_path / "pgbouncer", **settings)
            stack.callback(made.stop)
            made.start()
            return made

        yield start
