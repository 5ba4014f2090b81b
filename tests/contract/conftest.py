"""Every implementation of `lab.experiments.targets`, started when the first test asks for it."""

import contextlib
import functools
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from lab.experiments.targets import TARGETS
from lab.running.database import postgres
from tests.contract import keys
from tests.contract.excuses import SAMPLED, excused, left_out
from tests.forks import forking, serving

OURS = "django"
logging.getLogger("httpx").setLevel(logging.WARNING)  # it would write a line for each request


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask each implementation in turn, but for those that excuses.py leaves a test out for."""
    if "service" in metafunc.fixturenames:
        asked = [name for name in TARGETS if _is_asked(name, metafunc.definition.originalname)]
        metafunc.parametrize("service", asked, indirect=True, scope="session")


def _is_asked(target: str, test: str) -> bool:
    if TARGETS[target].lacking():
        return test == "test_every_answer_tells_who_gave_it"  # which skips, and says why
    return not excused(target, test, "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cases that excuses.py leaves out."""
    dropped = {item for item in items if isinstance(item, pytest.Function) and _not_for(item)}
    config.hook.pytest_deselected(items=[*dropped])
    items[:] = [item for item in items if item not in dropped]


def _not_for(item: pytest.Function) -> bool:
    case = getattr(item, "callspec", None)
    if case is None or case.params.get("service") not in list(TARGETS):
        return False  # other folders' tests come by here, too
    target = case.params["service"]
    test = item.originalname
    row = case.indices.get(SAMPLED.get(test, ""), 0)
    return excused(target, test, item.name) or left_out(target, list(TARGETS), test, row)


@dataclass(frozen=True)
class Service:
    """A running implementation, a client that keeps connections to it, and its log."""

    name: str
    http: httpx.Client
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        """Where a raw socket finds it."""
        return self.http.base_url.host, self.http.base_url.port or 80


Serve = Callable[..., Service]


@pytest.fixture(scope="session")
def database(tmp_path_factory, worker_id: str) -> Iterator[postgres.Database]:
    """Of each pytest-xdist worker its own."""
    log = tmp_path_factory.mktemp("contract") / "postgres.log"
    with contextlib.ExitStack() as until:
        with forking():
            made = until.enter_context(postgres.database(log, name=f"contract_{worker_id}"))
        yield made


@pytest.fixture(scope="session")
def serve(tmp_path_factory, database: postgres.Database) -> Iterator[Serve]:
    """Return a function that starts a target, once for each way of starting it."""
    folder = tmp_path_factory.mktemp("services")
    programs = []
    with contextlib.ExitStack() as running:

        @functools.cache
        def start(name: str, url: str, ready: str = "/items/", **env: str) -> Service:
            log = folder / f"{len(list(folder.iterdir()))}-{name}.log"
            target = replace(TARGETS[name], ready=ready)
            server = running.enter_context(serving(target, url, log=log, workers=2, env=env))
            programs.append(server.program)
            http = running.enter_context(httpx.Client(base_url=server.url, timeout=30))
            return Service(name, http, log)

        yield start
        for program in filter(None, programs):  # all end at once; each is then waited for
            os.kill(program.pid, signal.SIGTERM)


@pytest.fixture(scope="session")
def service(request, serve: Serve, database: postgres.Database) -> Service:
    """The implementation that is asked."""
    if lacking := TARGETS[request.param].lacking():
        pytest.skip(lacking)
    return serve(request.param, database.url)


@pytest.fixture(scope="session")
def ours(serve: Serve, database: postgres.Database) -> Service:
    """The implementation that promises more than its peers."""
    return serve(OURS, database.url)


@pytest.fixture(scope="session")
def guarded(serve: Serve, database: postgres.Database) -> Service:
    """Ours, asking for keys."""
    return serve(OURS, database.url, ready="/livez", **keys.ENVIRONMENT)


@pytest.fixture(scope="session")
def without_tables(serve: Serve, database: postgres.Database) -> Service:
    """Ours over a database that was never migrated: nobody foresaw that."""
    empty = urlsplit(database.url)._replace(path="/postgres").geturl()
    return serve(OURS, empty, ready="/livez")


@pytest.fixture(scope="session")
def without_database(serve: Serve) -> Service:
    """Ours where no database listens."""
    return serve(OURS, "postgresql://nobody@127.0.0.1:1/nowhere", ready="/livez")


@pytest.fixture
def api(service: Service) -> httpx.Client:
    return service.http


@pytest.fixture
def item(api: httpx.Client) -> dict[str, Any]:
    """An item that was just created."""
    sent = {"name": "Desk", "description": "Oak", "price": "12.50", "quantity": 3}
    created: dict[str, Any] = api.post("/items/", json=sent).json()
    return created
