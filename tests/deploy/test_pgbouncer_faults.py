"""Faults behind PgBouncer: nothing acknowledged is lost, and service is back within 2 s."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.deploy.pgbouncer import Kind, Pooler, prepare
from tests.faults.cluster import Cluster, cluster
from tests.faults.databases import DATABASE, stopped_for
from tests.faults.stage import BUFFERED, Fault, Stage, staged, survive

pytestmark = pytest.mark.torture
DOWN = 0.5  # seconds for which PgBouncer is away


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    with cluster("pooled") as made:
        yield made


@pytest.fixture(scope="module")
def behind(own_cluster, kind: Kind, tmp_path_factory) -> Iterator[Pooler]:
    made = prepare(kind, own_cluster.url, tmp_path_factory.mktemp("pooled") / "pgbouncer")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def stage(own_cluster, behind, kind, tmp_path_factory) -> Iterator[Stage]:
    """A service that is not tested for overload here: cold workers may take their time."""
    env = {"PREPARED_STATEMENTS": kind.prepared}
    log = tmp_path_factory.mktemp("stage") / "log"
    with staged(own_cluster, BUFFERED, log, url=behind.url, workers=4, env=env) as made:
        yield made


def assert_survived(fault: Fault, stage: Stage) -> None:
    outcome = survive(fault, stage)
    print(outcome.line())  # noqa: T201  (pytest -rP shows the figures)
    assert outcome.lost == []
    assert outcome.broken == []
    assert outcome.acknowledged > 20


# A limit of connections meets the pooler, which waits for one instead of failing.
OF_THE_DATABASE = [fault for fault in DATABASE if fault.name != "out of connections"]


@pytest.mark.parametrize(
    "fault", [*OF_THE_DATABASE, stopped_for(1.5)], ids=lambda fault: fault.name
)
def test_a_fault_of_the_database_behind_the_pooler_loses_nothing(stage, fault):
    assert_survived(fault, stage)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL], ids=lambda by: by.name)
def test_a_pooler_that_restarts_or_dies_loses_nothing(stage, behind, by):
    def restart(_: Stage) -> None:
        behind.stop(by)
        time.sleep(DOWN)
        behind.start()

    assert_survived(Fault(f"PgBouncer ended by {by.name}", restart), stage)
