"""Records with known numbers, from which the tests draw reports and doubts.

`python -m tests.lab.examples` writes report.md anew after a wanted change.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from lab.analysis.analyse import analyse
from lab.records.conditions import Conditions
from lab.records.environment import Cap, RoundTrip, Table
from lab.records.histogram import Histogram
from lab.records.operations import Second
from lab.records.trial import Trial
from lab.records.usage import Counters, Process
from lab.report.blocks import markdown
from lab.report.contents import report

SNAPSHOT = Path(__file__).parent / "report.md"
MIB = 1024 * 1024
MACHINE = {
    "cpu": "Example CPU",
    "cores": 2,
    "memory": 8 * 1024 * MIB,
    "kernel": "Linux 6.1",
    "python": "3.11.7",
    "versions": {"locust": "2.47.0"},
    "commit": "0123456789abcdef",
    "changed_files": 0,
    "postgresql": {"server_version": "18.4", "fsync": "on"},
}
MIX = {"GET /items/[id]": 60, "GET /items": 15, "POST /items": 20, "DELETE /items/[id]": 5}
AT = (-10.0, 0.0, 25.0, 50.0)  # when processes and counters were sampled
SHARES = np.linspace(0.001, 0.999, 999)
SHAPE = np.quantile(np.random.default_rng(7).gamma(4, 0.25, 100_000), SHARES)  # around 1


@cache
def spread(requests, mean_ms):
    """The histogram of latencies that are spread around a mean, and the largest."""
    latencies = np.interp((np.arange(requests) + 0.5) / requests, SHARES, SHAPE)
    latencies *= mean_ms / latencies.mean()
    return Histogram.of(latencies), float(latencies.max())


def second(at, operation, requests, mean_ms, failures=0):
    """One second of requests whose latencies are spread around a mean."""
    latencies, largest = spread(requests, mean_ms)
    return Second(
        at=at,
        operation=operation,
        failures=failures,
        mean_ms=mean_ms,
        max_ms=largest,
        bytes=500 * requests,
        latencies=latencies,
    )


def load(requests, mean_ms, *, seconds=50, warm_up=1, mix=None, failures=0):
    """A steady load; `requests` and `failures` are those of the window, in the shares of `mix`."""
    found = []
    for operation, share in (mix or MIX).items():
        own = requests * share // 100
        for at in range(-warm_up, seconds):
            count = own * (at + 1) // seconds - own * at // seconds
            failed = failures * (at + 1) // seconds - failures * at // seconds
            if count:
                wrong = failed if operation.startswith("POST") else 0
                found.append(second(at, operation, count, mean_ms, wrong))
    return tuple(found)


def process(party, pid, cpu_seconds, pss=None, at=AT):
    """A process that uses its CPU seconds evenly between 0 and 50 s, and as evenly before."""
    spent = tuple(round(cpu_seconds * moment / 50 + cpu_seconds / 5, 6) for moment in at)
    steps = tuple(range(0, 100 * len(at), 100))
    sizes = (pss,) * len(at)
    return Process(party, pid, party, at, spent, (4,) * len(at), steps, steps, sizes)


def processes(server=48.0, database=5.0, generator=20.0):
    """What the parties used of the CPU (seconds) in a window of 50 s."""
    return (
        process("server", 11, server, 120 * MIB),
        process("database", 21, database, 80 * MIB),
        process("generator", 31, generator, 50 * MIB),
    )


def counters(busy=74.0, steal=0.0):
    """What the machine worked, and lost to a hypervisor, in a window of 50 s."""
    machine = {"busy_seconds": busy, "steal_seconds": steal}
    return {
        "machine": Counters(
            AT, {name: tuple(value * (1 + at / 50) for at in AT) for name, value in machine.items()}
        ),
        "database": Counters(AT, {"commits": tuple(600 * (10 + at) for at in AT)}),
        "cap": Counters(AT, {}),
    }


def trial(number=1, label="django", pair=1, requests=30_000, demand=1.6, **changes):
    """A trial that no rule doubts: 50 s, 60 users in balance with Little's law."""
    mean = changes.pop("mean_ms", 50 * 60 / requests * 1000)
    failures = changes.pop("failures", 0)
    server = demand * requests / 1000
    target = label.partition(" ")[0]
    values = {
        "number": number,
        "place": 1,
        "pair": pair,
        "kind": "compare",
        "target": target,
        "label": label,
        "title": "",
        "command": "python -m lab compare django fastapi --repeats 3",
        "objective_ms": None,
        "started": f"2026-11-24T09:0{number}:00+00:00",
        "conditions": Conditions(users=60),
        "seconds_of_load": load(requests, mean, failures=failures),
        "inside": (requests * mean / 1000 / 50,) * 50,
        "at_least": (1.0,) * 60,
        "silences": (),
        "unanswered": 0,
        "errors": {},
        "served_by": {f"{target}/11": requests // 2, f"{target}/12": requests // 2},
        "processes": processes(server),
        "cores": {"server": (0,), "database": (1,), "generator": (1,)},
        "counters": counters(busy=server + 26),
        "table": Table(100_000, 104_500, 20 * MIB, 21 * MIB, 6_000, 1_500),
        "round_trip": RoundTrip(0.06, 0.06),
        "cap": Cap(None, None, None, ("server on core 0, database on 1, load generator on 1",)),
        "warnings": (),
        "machine": MACHINE,
        "settings": {"command": "serve", "env": {"WORKERS": "2"}, "versions": {"django": "5.2"}},
    }
    return Trial(**(values | changes))


def comparison():
    """Two implementations, three times each, the second one twice as fast."""
    speeds = ((30_000, 60_000), (30_600, 61_500), (29_700, 60_600))
    return [
        trial(2 * pair - 1 + index, label, pair, requests, demand)
        for pair, both in enumerate(speeds, start=1)
        for index, (label, requests, demand) in enumerate(
            zip(("django", "fastapi"), both, (1.6, 0.8), strict=True)
        )
    ]


def lasting(seconds, one):
    """The same trial with a window of another length."""
    window = tuple(second for second in one.seconds_of_load if second.at < seconds)
    return replace(one, conditions=replace(one.conditions, seconds=seconds), seconds_of_load=window)


if __name__ == "__main__":
    SNAPSHOT.write_text(markdown(report(analyse(comparison()))), encoding="utf-8")
