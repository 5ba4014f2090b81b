"""Records with known numbers, from which the tests draw reports and doubts.

`python -m tests.lab.examples` writes report.md anew after a wanted change.
"""

from dataclasses import replace
from pathlib import Path

from lab.plan import Conditions
from lab.records import ALL, Operation, Second, Trial, Usage
from lab.report import markdown, report

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


def operation(name=ALL, requests=30_000, failures=0, p50=90.0, mean=100.0):
    return Operation(name, requests, failures, mean, p50, 2 * p50, 3 * p50, 4 * p50)


def trial(number=1, label="django", pair=1, requests=30_000, demand=1.6, **changes):
    """A trial that no rule doubts: 50 s, 60 users in balance with Little's law."""
    mean = 50 * 60 / requests * 1000
    whole = operation(requests=requests, p50=mean * 0.9, mean=mean)
    parts = [
        replace(whole, name=name, requests=requests * share // 100)
        for name, share in (("GET /items", 15), ("GET /items/[id]", 60), ("POST /items", 20))
    ]
    usage = {
        "server": Usage(demand * requests / 1000, (0,), 120 * MIB),
        "database": Usage(5.0, (1,), 80 * MIB),
        "generator": Usage(20.0, (1,), 50 * MIB),
        "others": Usage(1.0),
        "steal": Usage(0.0),
    }
    values = {
        "number": number,
        "pair": pair,
        "target": label.partition(" ")[0],
        "label": label,
        "started": f"2026-11-24T09:0{number}:00+00:00",
        "seconds": 50.0,
        "conditions": Conditions(users=60),
        "operations": (whole, *parts),
        "errors": {},
        "served_by": {f"{label}/11": requests // 2, f"{label}/12": requests // 2},
        "usage": usage,
        "seconds_of_load": (Second(-1, 500, 0, 100.0), Second(0, 600, 0, 100.0)),
        "machine": MACHINE,
        "settings": {"command": "serve", "env": {"WORKERS": "2"}, "versions": {"django": "5.2"}},
        "caps": ("server on core 0, database on 1, load generator and lab on 1",),
        "warnings": (),
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


if __name__ == "__main__":
    SNAPSHOT.write_text(markdown(report(comparison())), encoding="utf-8")
