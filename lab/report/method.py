"""How to read a report, in a few sentences; docs/method.md says the same at length."""

from lab.analysis.formatting import percent
from lab.analysis.growth import MATTERS
from lab.analysis.rules.parts import BUSY
from lab.analysis.rules.trials import (
    FEW_REQUESTS,
    MAX_FAILURES,
    MAX_LITTLE_RESIDUAL,
    MAX_MIX_ERROR,
    MAX_RATE_MISS,
    NEAR_A_CORE,
    SILENT,
)
from lab.analysis.statistics import CONFIDENCE, FEWEST

METHOD = (
    "Percentiles come from counts of all requests in buckets 2 % wide; none is an average of "
    "percentiles, and requests that failed count too.",
    f"Intervals are {percent(CONFIDENCE)} bootstrap intervals over repeats, from {FEWEST} repeats "
    "on; ratios compare neighbours in time. A ratio whose interval contains 1 names no winner.",
    f"A trial is invalid when more than {percent(MAX_FAILURES, 1)} of its requests failed or were "
    "never answered, one acknowledged write was lost, more rows were missing than deletes explain, "
    "another server answered, a server process ended, the load ended early, its generator used "
    f"more than {percent(NEAR_A_CORE)} of a core, rows appeared that no response accounts for, or "
    "the CPU cap does not hold. It is suspect when latency drifts, Little's law misses more than "
    f"{percent(MAX_LITTLE_RESIDUAL)} of the users, an arrival rate is missed by more than "
    f"{percent(MAX_RATE_MISS)}, nothing is answered for {SILENT:g} s, the mix is off by more than "
    f"{percent(MAX_MIX_ERROR)}, the memory cap does not hold, a worker stayed silent, the "
    "lab did not look where the window begins or ends, or fewer "
    f"than {FEW_REQUESTS:,} requests were seen. Only valid trials count "
    "towards advice or a ranking, others at most as a bound; they are shown hollow.",
    f"Latency grows when the slope's interval excludes 0 and the change is above "
    f"{percent(MATTERS)}; whether by its queue or by its table is told by Little's law.",
    f"A part of the system is the limit when it is used for more than {percent(BUSY)} of what it "
    "could do; the first one on the way of a request is named.",
    "A closed load waits for slow answers and so flatters a server that stalls (coordinated "
    "omission). Only an open load, timed from when each request was due, shows the stall.",
    "Predictions are exact mean value analysis of the measured CPU demands; a miss above 15 % is "
    "marked.",
    "Not claimed: anything about other machines, other tables, other mixes, or more workers than "
    "were measured.",
)
