import math
import time
from dataclasses import replace

import pytest

from lab.analysis.models.queueing import erlang_c
from lab.analysis.settings import by_setting
from lab.errors import CannotTellError, LabError
from lab.report.capacity_plan import due
from lab.sizing.capacity import planned, sized
from lab.sizing.costs import Costs, Measured, measured
from lab.sizing.requirements import Prices, Requirements
from tests.lab.examples import MIB, comparison, trial
from tests.lab.simulated import swept

COSTS = Costs(
    application=0.001,
    database=0.0005,
    wait=0.001,
    outside=0.0,
    round_trips=1.0,
    flush=0.0001,
    worker=50 * MIB,
)
DRAWS = tuple(
    replace(COSTS, application=share * COSTS.application) for share in (0.9, 0.95, 1, 1.05, 1.1)
)
MEASURED = Measured("django", COSTS, DRAWS, (trial(),), is_sure=True)
WANTED = Requirements(think_time=10.0, objective=0.3)


def test_instances_are_demand_over_what_each_may_use():
    # 100,000 users / 10 s = 10,000 requests/s, at 1 ms CPU are 10 cores, at 70 % of each 15.
    found = sized(MEASURED, WANTED, 100_000)
    assert found.needs.instances == math.ceil(10_000 * 0.001 / 0.7)
    assert found.needs.throughput == pytest.approx(10_000, rel=0.01)
    assert found.needs.used == pytest.approx(0.7, abs=0.04)
    assert found.needs.knee == pytest.approx(found.needs.instances / 0.001, rel=0.01)
    assert found.needs.database_vcpus == math.ceil(10_000 * 0.0005 / 0.7)


def test_every_figure_carries_what_the_draws_leave_open():
    found = sized(MEASURED, WANTED, 100_000)
    ends = found.estimate("instances").interval
    assert ends
    assert ends.low == pytest.approx(13, abs=0.5)
    assert ends.high == pytest.approx(16, abs=0.5)
    assert found.low.knee < found.needs.knee < found.high.knee
    certain = sized(replace(MEASURED, draws=(COSTS,) * 5), WANTED, 100_000)
    assert certain.low == certain.needs == certain.high


def test_a_farther_database_takes_more_workers_and_connections_but_no_more_cpu():
    near = sized(MEASURED, WANTED, 100_000)
    far = sized(MEASURED, replace(WANTED, round_trip=0.006), 100_000)
    assert far.one.workers > near.one.workers
    assert far.needs.vcpus <= near.needs.vcpus
    assert far.needs.pool > near.needs.pool
    assert far.needs.latency > near.needs.latency + 0.005


def test_memory_limits_the_workers_and_then_takes_more_instances():
    roomy = sized(MEASURED, replace(WANTED, round_trip=0.006), 100_000)
    tight = sized(MEASURED, replace(WANTED, round_trip=0.006, memory=128 * MIB), 100_000)
    assert tight.one.workers < roomy.one.workers
    assert tight.needs.instances > roomy.needs.instances
    with pytest.raises(CannotTellError, match="no worker of 50 MB fits into 80 % of 32 MB"):
        sized(MEASURED, replace(WANTED, memory=32 * MIB), 100)


def test_a_stricter_objective_takes_more_instances_until_none_can():
    loose = sized(MEASURED, WANTED, 100_000).needs
    strict = sized(MEASURED, replace(WANTED, objective=0.006), 100_000).needs
    assert strict.instances > loose.instances
    assert strict.p95 <= 0.006 < loose.p95
    with pytest.raises(CannotTellError, match="more instances shorten none"):
        sized(MEASURED, replace(WANTED, objective=0.002), 100_000)


def test_users_who_do_not_think_are_held_too():
    found = sized(MEASURED, replace(WANTED, think_time=0.0), 50).needs
    assert found.throughput == pytest.approx(50 / found.latency, rel=0.1)


def test_money_is_the_sum_of_what_is_rented():
    prices = Prices(vcpu_hour=0.1, gib_hour=0.02, database_vcpu_hour=0.3)
    found = sized(MEASURED, replace(WANTED, prices=prices), 100_000).needs
    expected = found.vcpus * 0.1 + found.memory / 2**30 * 0.02 + found.database_vcpus * 0.3
    assert found.cost == pytest.approx(expected)


def said(users, **required):
    (size,) = (plan := planned(MEASURED, replace(WANTED, **required), [users])).sizes
    return [*due(plan, size)]


def test_pooler_and_replica_are_due_when_the_sums_say_so():
    assert [one[:14] for one in said(1_000)] == ["no PgBouncer: ", "no read replic"]
    pooler, replica, flushing = said(1_000_000, database_vcpus=20)
    assert pooler.startswith(
        "PgBouncer is needed: 2 (old and new in a rollout) × 143 instances × 4 ="
    )
    assert "> 97 = max_connections 100 - 3 reserved" in pooler
    assert replica.startswith("3 read replicas needed: 99,")
    assert "writes, 25 % of the requests" in replica
    assert "if no two commits shared one" in flushing
    assert "the table must be divided" in said(1_000_000)[1]


def test_what_cannot_be_built_is_refused():
    for wrong in (
        {"utilisation": 1.0}, {"vcpus": 0}, {"think_time": -1}, {"max_connections": 3},
    ):  # fmt: skip
        with pytest.raises(LabError):
            replace(WANTED, **wrong)


def test_erlangs_formula():
    assert erlang_c(0.5, 1) == pytest.approx(0.5)  # M/M/1 waits with probability rho
    assert erlang_c(8, 10) == pytest.approx(0.409, abs=0.001)  # tables
    assert erlang_c(0, 3) == 0


def test_erlangs_formula_takes_no_longer_for_a_million_servers():
    begin = time.process_time()
    assert 0 < erlang_c(999_000, 1_000_000) < erlang_c(999_900, 1_000_000) < 1
    assert time.process_time() - begin < 0.1


def known():
    """Three times four workers of 20 ms, 4 ms of it CPU; PostgreSQL counts its transactions."""
    found = swept((4,), repeats=5, cpu=0.004, think_time=0.2)
    return [replace(one, round_trip=trial().round_trip) for one in found]


def test_costs_come_from_the_records_with_intervals():
    found = measured(by_setting(known()))
    assert found.costs.application == pytest.approx(0.004, rel=0.01)
    assert found.costs.wait == pytest.approx(0.016, rel=0.15)
    assert found.at_once == 1
    assert found.costs.worker == 30 * MIB
    assert found.estimate("wait").interval


def test_too_little_measured_is_no_plan():
    with pytest.raises(CannotTellError, match="only 2 of its trials are valid"):
        measured(by_setting(comparison()[::2][:2]))
    with pytest.raises(CannotTellError, match="the way to its database was not measured"):
        measured(by_setting([replace(one, round_trip=None) for one in comparison()[::2]]))
