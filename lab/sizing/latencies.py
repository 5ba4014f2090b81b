"""How latencies spread in a closed network: what mean values do not say."""

from functools import cache

import numpy as np

from lab.analysis.models.queueing import Network, met, population, seidmann
from lab.analysis.statistics import Floats, percentiles

DRAWS = 5_000  # requests: a p95 is then off by about 2 %


@cache
def percentile(network: Network, users: int, think_time: float, wanted: float = 95) -> float:
    """Return a percentile of latency, in seconds, for users who think that long (s) on average."""
    (found,) = percentiles(latencies(network, users, think_time), (wanted,))
    return found


def latencies(network: Network, users: int, think_time: float, draws: int = DRAWS) -> Floats:
    """Return the latencies (s) of random requests.

    A request meets the others as they are without its user (arrival theorem: Lavenberg & Reiser
    1980; Sevcik & Mitrani 1981). It waits for a slot as many departures as stand before it, and
    inside, at each station, for those it meets there. How many these are on average is exact;
    that they are spread binomially over the stations is not. `tests.lab.formulas` shows by how
    much that is off. The seed is fixed, so neighbouring networks can be compared.
    """
    rng = np.random.default_rng(0)
    throughputs, queues = met(network.stations, network.wait, min(users, network.slots))
    slots = len(throughputs)
    shares = population(throughputs, users - 1, think_time)
    others = np.searchsorted(np.cumsum(shares), rng.random(draws)).clip(max=users - 1)
    taken: Floats = rng.gamma(np.maximum(0, others - slots + 1)) / throughputs[-1]
    beside = np.minimum(others, slots - 1)  # of them inside at the same time
    for index, station in enumerate(network.stations):
        queueing, pure = seidmann(station)
        share = np.clip(queues[beside, index] / np.maximum(beside, 1), 0, 1)
        taken += queueing * rng.gamma(rng.binomial(beside, share) + 1)
        taken += pure * rng.exponential(size=draws)
    taken += network.wait
    return taken
