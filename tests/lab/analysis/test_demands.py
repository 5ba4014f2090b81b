from dataclasses import replace

import pytest

from lab.analysis.analyse import analyse
from lab.analysis.answers import Question
from lab.analysis.models.demands import by_implementation, demands, predictions
from lab.analysis.models.network import network, sending
from lab.analysis.settings import by_setting
from lab.errors import CannotTellError
from lab.records.conditions import Conditions
from tests.lab.examples import comparison, processes, trial
from tests.lab.simulated import Service, simulated, swept


def test_cpu_per_request_is_busy_time_over_completed_requests():
    found = demands(by_setting([trial(requests=30_000, demand=1.6)]))
    assert found.cpu["server"] == pytest.approx(0.0016)
    assert found.cpu["database"] == pytest.approx(5.0 / 30_000)
    assert not found.is_sure  # its CPU was busy: what else it waited for cannot be seen


def test_parties_on_the_same_cores_are_one_station():
    one = trial(cores={"server": (0,), "database": (1,), "relay": (1,), "generator": (2,)})
    shared = network(one, {"server": 0.001, "database": 0.002, "relay": 0.003}, 0.0)
    assert [(s.name, s.servers) for s in shared.stations] == [
        ("application CPU", 1.0), ("database CPU and relay", 1.0),
    ]  # fmt: skip
    assert shared.stations[1].demand == pytest.approx(0.005)


def test_the_load_generator_holds_no_slot_but_takes_its_share_of_a_core():
    cpu = {"server": 0.001, "database": 0.002, "generator": 0.003}
    (_, database) = network(trial(), cpu, 0.0, throughput=100).stations
    assert (database.name, database.demand) == ("database CPU", 0.002)
    assert database.servers == pytest.approx(1 - 100 * 0.003)
    assert sending(trial(), cpu, 100) == pytest.approx(0.003 / (1 - 100 * 0.005))
    apart = trial(cores={"server": (0,), "database": (1,), "generator": (2,)})
    assert network(apart, cpu, 0.0, throughput=100).stations[1].servers == 1
    assert sending(apart, cpu, 100) == pytest.approx(0.003 / (1 - 100 * 0.003))


def test_a_cap_and_few_workers_make_the_server_smaller():
    cores = {"server": (0, 1, 2, 3), "database": (4,), "generator": (5,)}
    for conditions, capacity in (
        (Conditions(workers=8), 4.0),
        (Conditions(workers=2), 2.0),
        (Conditions(workers=8, cpus=0.5), 0.5),
    ):
        (station, *_) = network(trial(conditions=conditions, cores=cores), {}, 0.0).stations
        assert station.servers == capacity


def test_a_setting_the_laws_miss_is_flagged():
    # Two workers answer as slowly as one: something holds them up that no demand shows.
    (one,) = swept((1,), repeats=1)
    stuck = by_setting([one, with_workers(one, 2)])
    found = predictions(stuck, demands(stuck))
    assert [prediction.is_flagged for prediction in found if not prediction.is_calibration] == [
        True
    ]


def with_workers(one, workers):
    conditions = Conditions(workers, 1, one.conditions.users, warm_up=5, seconds=50)
    return trial(
        2,
        label="stub",
        conditions=conditions,
        seconds_of_load=one.seconds_of_load,
        inside=one.inside,
        cores=one.cores,
        processes=processes(server=5.0, database=0.5, generator=5.0),
        served_by={"stub/1": 1_250, "stub/2": 1_250},
        table=None,
    )


def test_nothing_valid_has_no_demands():
    with pytest.raises(CannotTellError, match="is valid"):
        demands(by_setting([trial(failures=3_000)]))


def test_implementations_and_caps_are_families_and_loads_are_not():
    more = [
        trial(7, conditions=Conditions(workers=4, users=500)),
        trial(8, conditions=Conditions(users=60, cpus=1.0)),
    ]
    found = by_implementation(by_setting([*comparison(), *more]))
    assert [len(family) for family in found] == [2, 1, 1]


def test_a_queue_at_an_address_is_no_way_to_it_and_no_capacity():
    """One slot that nobody told of: with ten times the users, requests take ten times as long."""
    address = {"target": "http://127.0.0.1:9", "label": "theirs",
               "settings": {"at_once": None, "is_told": False, "is_foreign": True}}  # fmt: skip
    few, many = (replace(simulated(1, users, service=Service(1, hold=0.02), cpu=0.0005,
                                   number=number), **address)
                 for number, users in enumerate((5, 50), start=1))  # fmt: skip
    (plan,) = analyse([few, many]).answer(Question.PLAN)
    assert "on its way" not in plan.text.replace(" 0 ms on its way", "")
    assert "waiting (in a queue, too: how many it takes at once is not known)" in plan.text
    assert "takes all 50 requests at once, reached from" in plan.evidence[1]
