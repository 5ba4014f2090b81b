"""How pytest-xdist's workers share the tests: what stays together, and what begins first."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

from lab.experiments.targets import TARGETS

WORKERS = 3  # of which one spends most of its time on what is in MACHINE, and all wait a lot
# What fills the machine, and what a full machine would falsify: one after the other.
MACHINE = (
    "tests/costs/",
    "tests/faults/",
    "tests/lab/running/test_whole_runs.py",
    "tests/lab/running/test_known_service.py",
    "tests/lab/running/test_relay.py",
    "tests/load/",
    "tests/project/test_gunicorn.py::test_sigterm",
    "tests/project/test_gunicorn.py::test_what_waited_too_long",
    "tests/speedups/worker/test_patience.py::test_half_sent",
    "tests/speedups/worker/test_life.py::test_sigterm",
)
CONTRACT = "tests/contract/"
LONG = (  # ten seconds and more, for which others would wait if they began last
    "tests/lab/report/test_page.py",
    "tests/lab/running/test_own_service.py",
    "tests/project/observability/",
    "tests/project/test_environments.py",
    "tests/project/test_gunicorn.py",
    "tests/speedups/queries/test_conditions.py",
    "tests/speedups/representation/test_drawn.py",
    "tests/speedups/representation/test_filtering.py",
    "tests/speedups/test_drawn.py",
    "tests/speedups/test_every_method.py",
    "tests/speedups/test_library.py",
    "tests/speedups/test_order_of_imports.py",
    "tests/speedups/test_ways_around.py",
    "tests/speedups/urls/test_resolving.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Share all tests; a file or a test that was named is run as ever."""
    return WORKERS if config.args_source is config.ArgsSource.TESTPATHS else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Give each worker whole shares."""
    return Shares(config, log)


@pytest.hookimpl(trylast=True)  # pytest-randomly has shuffled them
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long shares, so that the last one to end is a short one."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))


class Shares(LoadScopeScheduling):
    """Gives out shares in the order of their first tests."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)


def share(test: str) -> str:
    """Return the name of a test's share: mostly its file, whose fixtures are then made once."""
    if test.startswith(MACHINE):
        return "the machine"
    if test.startswith(CONTRACT):
        return f"{CONTRACT} {implementation(test)}"
    return test.partition("::")[0]


def implementation(test: str) -> str:
    """Return whom a test of the contract asks."""
    case = test.partition("[")[2]
    return max((name for name in TARGETS if case.startswith(name)), key=len, default="django")


def rank(test: str) -> int:
    """Return when a test's share begins: 0 is first."""
    earlier = (MACHINE, (CONTRACT,), LONG)
    return next((place for place, one in enumerate(earlier) if test.startswith(one)), len(earlier))
