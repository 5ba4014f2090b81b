import math

import numpy as np
import pytest

from lab.analysis.models.queueing import Network, Station, predict
from lab.sizing.latencies import latencies, percentile
from lab.sizing.simulation import SERVICES, simulate
from tests.lab.formulas import table

CPU = Station("cpu", 0.010)


def test_an_exponential_server_under_many_thinking_users_has_exponential_latencies():
    # M/M/1 at 50 %: the sojourn is exponential with mean D / (1 - 0.5).
    network = Network((CPU,), wait=0.0, slots=1000)
    for wanted in (50, 95, 99):
        exact = -math.log(1 - wanted / 100) * 0.020
        assert percentile(network, 5_000, 100.0, wanted) == pytest.approx(exact, rel=0.06)


def test_a_lone_user_waits_for_none_holds():
    found = latencies(Network((CPU,), wait=0.005, slots=4), 1, 1.0)
    assert found.min() >= 0.005
    assert found.mean() == pytest.approx(0.015, rel=0.05)


@pytest.mark.parametrize("users", [20, 60, 150])
@pytest.mark.parametrize("think_time", [0.0, 1.0])
def test_the_mean_of_the_latencies_is_that_of_the_laws(users, think_time):
    network = Network((CPU, Station("db", 0.004)), wait=0.010, slots=6)
    found = latencies(network, users, think_time).mean()
    assert found == pytest.approx(predict(network, users, think_time).latency, rel=0.06)


@pytest.mark.parametrize("users", [40, 75, 120])
def test_laws_and_latencies_meet_the_simulation(users):
    network = Network((CPU,), wait=0.010, slots=8)
    found = simulate(network, users, 1.0, requests=10_000)
    said = predict(network, users, 1.0)
    assert said.throughput == pytest.approx(found.throughput.middle, rel=0.05)
    assert said.latency == pytest.approx(found.latency.middle, rel=0.25)
    assert percentile(network, users, 1.0) == pytest.approx(found.p95.middle, rel=0.25)


def test_a_million_users_are_simulated_by_their_requests():
    # M/D/1 at 50 %: the queue is half of an exponential server's (Pollaczek and Khinchine).
    network = Network((Station("cpu", 0.001),), wait=0.0, slots=64)
    found = simulate(network, 1_000_000, 2000.0, service="constant", requests=10_000)
    assert found.throughput.middle == pytest.approx(500, rel=0.05)
    assert found.latency.middle == pytest.approx(0.001 + 0.0005, rel=0.05)


def test_users_who_do_not_think_are_simulated_one_by_one():
    network = Network((CPU,), wait=0.0, slots=3)
    found = simulate(network, 5, 0.0, requests=4_000)
    assert found.throughput.middle == pytest.approx(100, rel=0.05)
    assert found.latency.middle == pytest.approx(0.050, rel=0.05)


def test_service_times_have_a_mean_of_one():
    for draw in SERVICES.values():
        rng = np.random.default_rng(3)
        assert np.mean([draw(rng) for _ in range(20_000)]) == pytest.approx(1, rel=0.05)


def test_the_table_of_the_formulas_says_that_bounds_are_too_good_and_laws_too_careful():
    (few, many) = table((0.5, 2.0), requests=4_000).rows
    off = [float(setting.removesuffix(" %")) for setting in few[3:]]
    assert max(map(abs, off[:2])) <= 5  # requests/s
    assert off[2] < -15  # the mean latency of bounds
    assert off[6] > 30  # p95 where service times do not spread
    assert float(many[3].removesuffix(" %")) > 5
