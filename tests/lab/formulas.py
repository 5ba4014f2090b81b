"""Where simple formulas stop holding: `python -m tests.lab.formulas`, for docs/planning.md.

One instance: a core that each request needs for 0.4 ms, a wait of 0.8 ms, four slots. Users think
a second. Each load is a share of the users at the knee, where bounds say that queueing begins.
"""

from lab.analysis.formatting import number, percent
from lab.analysis.models.queueing import Network, Station, bounds, knee, mva, predict
from lab.report.blocks import Table, say
from lab.sizing.latencies import percentile
from lab.sizing.simulation import simulate

INSTANCE = Network((Station("application CPU", 0.0004),), wait=0.0008, slots=4)
THINK_TIME = 1.0
LOADS = (0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 2.0)
REQUESTS = 60_000


def table(loads=LOADS, requests=REQUESTS):
    """By how much each formula is off, of what the simulation found."""
    header = (
        "users ÷ knee", "users", "CPU in use",
        "requests/s: bounds", "laws",
        "mean latency: bounds", "MVA without slots", "laws",
        "p95: laws", "the same, constant service times",
    )  # fmt: skip
    note = f"Off by, against {requests:,} simulated requests in each row; docs/planning.md."
    return Table(header, [row(load, requests) for load in loads], note)


def row(load, requests):
    """One load: what bounds, mean value analysis and all laws together say of it."""
    users = round(load * knee(INSTANCE, THINK_TIME))
    found = simulate(INSTANCE, users, THINK_TIME, requests=requests)
    even = simulate(INSTANCE, users, THINK_TIME, requests=requests, service="constant")
    best, laws = bounds(INSTANCE, users, THINK_TIME), predict(INSTANCE, users, THINK_TIME)
    free = users / mva(INSTANCE.stations, INSTANCE.wait + THINK_TIME, users)[-1] - THINK_TIME
    p95 = percentile(INSTANCE, users, THINK_TIME)
    (cpu,) = INSTANCE.stations
    return [
        percent(load), number(users), percent(cpu.utilisation(found.throughput.middle)),
        off(best.throughput, found.throughput), off(laws.throughput, found.throughput),
        off(best.latency, found.latency), off(free, found.latency),
        off(laws.latency, found.latency), off(p95, found.p95), off(p95, even.p95),
    ]  # fmt: skip


def off(said, found):
    """By which share it is off."""
    return percent(said / found.middle - 1)


if __name__ == "__main__":
    say([table()])
