"""Five times what the service can answer: it answers as much as ever, and refuses the rest soon.

Each answer waits 20 ms for the database, so that two workers give about a hundred per second on
any machine.
"""

import pytest

from tests.faults.overload import CAPACITY, Answers, Prober, faults, offer, slowed

LIMIT = 0.5  # seconds a request may wait for its turn
KEPT = 0.7  # of the peak, on a machine that others use; `make torture` wants 0.9


@pytest.fixture(scope="module")
def slow(own_cluster, tmp_path_factory):
    log = tmp_path_factory.mktemp("overload") / "log"
    with slowed(own_cluster, log, MAX_WAIT_SECONDS=str(LIMIT)) as stage:
        yield stage


@pytest.fixture(scope="module")
def peak(slow) -> Answers:
    return offer(slow, CAPACITY, 2)


@pytest.mark.torture  # beside other tests the machine is the limit
def test_goodput_stays_and_nobody_is_left_waiting(slow, peak):
    with Prober(slow) as prober:
        swamped = offer(slow, 5 * CAPACITY, 3)
    assert faults(swamped, KEPT * min(peak.goodput, CAPACITY), LIMIT) == []
    assert swamped.refused > 0
    assert set(prober.statuses) == {200}
    assert prober.slowest < LIMIT
    calm = offer(slow, CAPACITY / 3, 1)  # right after it
    assert calm.refused == calm.unanswered == 0
    assert calm.p99 < LIMIT
