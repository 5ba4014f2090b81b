"""A database of our own and services over it, which outlive every fault of the database."""

from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster, cluster
from tests.faults.proxy import proxied
from tests.faults.stage import BUFFERED, GTHREAD, Stage, staged


@pytest.fixture(scope="session")
def own_cluster() -> Iterator[Cluster]:
    with cluster("tests") as made:
        yield made


def _staged(cluster, worker_class, tmp_path_factory):
    log = tmp_path_factory.mktemp("faults") / "log"
    return staged(cluster, worker_class, log)


@pytest.fixture(scope="session")
def buffered(own_cluster, tmp_path_factory) -> Iterator[Stage]:
    with _staged(own_cluster, BUFFERED, tmp_path_factory) as stage:
        yield stage


@pytest.fixture(scope="session")
def gthread(own_cluster, tmp_path_factory) -> Iterator[Stage]:
    with _staged(own_cluster, GTHREAD, tmp_path_factory) as stage:
        yield stage


@pytest.fixture(scope="session")
def linked(own_cluster, tmp_path_factory) -> Iterator[Stage]:
    """A service whose link to the database may break."""
    log = tmp_path_factory.mktemp("linked") / "log"
    with proxied(own_cluster) as proxy, staged(own_cluster, BUFFERED, log, proxy=proxy) as stage:
        yield stage
