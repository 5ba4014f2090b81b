import heapq

import numpy as np
import pytest

from lab.analysis.models.queueing import (
    Network,
    Station,
    bounds,
    knee,
    mva,
    predict,
    wait_that_explains,
)

CPU = Station("cpu", 0.010)


def test_one_customer_takes_its_demands_and_many_get_the_bottleneck():
    found = mva((CPU, Station("disk", 0.004)), 0.006, 200)
    assert found[0] == pytest.approx(1 / 0.020)
    assert found[-1] == pytest.approx(CPU.capacity, rel=1e-3)


def test_mva_is_exact_for_two_balanced_stations():
    # By hand: with n customers at two stations of demand D, X = n / (D (n + 1)).
    found = mva((CPU, Station("disk", 0.010)), 0.0, 5)
    assert found == pytest.approx([n / (0.010 * (n + 1)) for n in range(1, 6)])


def test_more_servers_are_more_capacity_and_no_shorter_service():
    two = Station("cpu", 0.010, servers=2)
    assert mva((two,), 0.0, 1)[0] == pytest.approx(100)
    assert mva((two,), 0.0, 500)[-1] == pytest.approx(200, rel=0.01)
    assert Station("capped", 0.010, servers=0.5).capacity == pytest.approx(50)
    assert mva((Station("capped", 0.010, servers=0.5),), 0.0, 9)[-1] == pytest.approx(50)


def test_the_utilisation_law():
    assert CPU.utilisation(50) == pytest.approx(0.5)
    assert Station("cpu", 0.010, servers=4).utilisation(200) == pytest.approx(0.5)


def test_slots_that_wait_cap_what_an_idle_cpu_could_do():
    waiting = Network((Station("cpu", 0.001),), wait=0.019, slots=4)
    assert waiting.capacity == pytest.approx(4 / 0.020)
    assert knee(waiting, think_time=0.0) == pytest.approx(4)
    found = predict(waiting, users=100, think_time=0.0)
    assert found.throughput == pytest.approx(200, rel=0.1)
    assert found.latency == pytest.approx(100 / found.throughput)


def test_no_prediction_is_better_than_the_bounds():
    network = Network((CPU, Station("db", 0.006)), wait=0.005, slots=8)
    for users in (1, 5, 20, 100):
        for think_time in (0.0, 0.05, 1.0):
            best = bounds(network, users, think_time)
            found = predict(network, users, think_time)
            assert found.throughput <= best.throughput * 1.000001
            assert found.latency >= best.latency * 0.999999


def simulated(users, think_time, slots, service, seconds=400.0, seed=5):
    """Throughput of users who think, queue for a slot and are served, event by event."""
    rng = np.random.default_rng(seed)
    events = [(rng.exponential(think_time), "arrives") for _ in range(users)]
    heapq.heapify(events)
    free, queue, done, now = slots, 0, 0, 0.0
    while now < seconds:
        now, what = heapq.heappop(events)
        queue += what == "arrives"
        if what == "served":
            free, done = free + 1, done + 1
            heapq.heappush(events, (now + rng.exponential(think_time), "arrives"))
        while free and queue:
            free, queue = free - 1, queue - 1
            heapq.heappush(events, (now + rng.exponential(service), "served"))
    return done / now


@pytest.mark.parametrize("users", [10, 22, 60])
def test_the_prediction_meets_a_simulated_service(users):
    network = Network((), wait=0.050, slots=2)
    found = predict(network, users, think_time=0.5)
    measured = simulated(users, 0.5, slots=2, service=0.050)
    assert found.throughput == pytest.approx(measured, rel=0.05)


def test_a_wait_is_found_from_what_was_measured():
    network = Network((CPU,), wait=0.030, slots=6)
    measured = predict(network, 40, 0.1).latency
    blank = Network((CPU,), wait=0.0, slots=6)
    assert wait_that_explains(blank, 40, 0.1, measured) == pytest.approx(0.030, rel=0.01)
    assert wait_that_explains(blank, 40, 0.1, latency=0.001) == 0


def test_impossible_stations_are_refused():
    with pytest.raises(ValueError, match="cpu"):
        Station("cpu", -0.001)
    with pytest.raises(ValueError, match="cpu"):
        Station("cpu", 0.001, servers=0)
