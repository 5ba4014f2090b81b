"""Who runs on which cores of a larger machine than this one, and what is said of it."""

import pytest

from lab.experiments.plan import Plan, Step
from lab.experiments.services import Service
from lab.records.conditions import Conditions
from lab.running import caps
from lab.running.caps import share_out
from lab.running.trial import Bench

MINE = Service("serve {port} {workers}")


@pytest.fixture(autouse=True)
def threads(tmp_path, monkeypatch):
    """Say which hyper-threads belong to one core; without a word each is its own."""
    monkeypatch.setattr(caps, "THREADS", tmp_path)

    def paired(*pairs):
        for pair in pairs:
            for one in pair:
                folder = tmp_path / f"cpu{one}" / "topology"
                folder.mkdir(parents=True)
                (folder / "thread_siblings_list").write_text(",".join(map(str, pair)) + "\n")

    return paired


def places(target, tmp_path, *, cores, workers=(1, 2, 4)):
    """Who runs where in each step of a sweep over workers."""
    steps = tuple(
        Step("sweep", target, target, Conditions(workers=count), number=number, place=1, pair=1)
        for number, count in enumerate(workers, start=1)
    )
    plan = Plan("sweep", "", steps, service=MINE)
    bench = Bench(plan, None, tuple(range(cores)), {}, tmp_path, tmp_path)
    return [bench.cores(step) for step in steps]


@pytest.mark.parametrize("cores", [2, 3, 4, 8, 64])
def test_database_and_load_stay_where_they_are_through_a_sweep_over_workers(tmp_path, cores):
    one, two, four = places("django", tmp_path, cores=cores)
    # PostgreSQL is pinned once, to the place it has with the most workers.
    pinned = share_out(tuple(range(cores)), 4)
    assert {found.database for found in (one, two, four)} == {pinned.database}
    assert {found.load for found in (one, two, four)} == {pinned.load}
    assert one.server == pinned.server[:1]
    assert four.server == pinned.server
    assert not set(four.server) & {*four.database, *four.load}


def test_a_database_of_somebody_s_service_is_not_said_to_be_pinned(tmp_path):
    *_, four = places("service", tmp_path, cores=8)
    assert four.database == ()
    assert four.sentence == (
        "server on core 0, 1, 2, 3, load generator and lab on 6, 7; its database, if it has one, "
        "is not pinned"
    )


def test_many_cores_are_said_in_few_words():
    said = share_out(tuple(range(64)), 2).sentence
    assert said == "server on core 0, 1, database on 2-32, load generator and lab on 33-63"


def test_two_threads_of_one_core_are_not_said_to_be_apart(threads):
    threads((0, 1), (2, 3))
    assert "the server shares a core's two hyper-threads with the database" in (
        share_out((0, 1, 2, 3), 1).sentence
    )


def test_where_cores_are_enough_each_party_has_whole_ones(threads):
    threads((0, 4), (1, 5), (2, 6), (3, 7))
    found = share_out(tuple(range(8)), 2)
    assert (found.server, found.database, found.load) == ((0, 1), (2,), (3,))
    assert "hyper-threads" not in found.sentence
