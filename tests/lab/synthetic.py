"""Records of whole runs, made up from known laws, to draw every kind of report from.

`python -m tests.lab.synthetic sweep FOLDER` writes one; `large` is 200 trials of 50,000 requests.
"""

import random
import sys
from dataclasses import replace
from pathlib import Path

from lab.records import jsonlines
from lab.records.conditions import Conditions
from lab.records.environment import Cap, Table
from lab.records.trial import OPEN
from tests.lab.examples import MACHINE, MIB, MIX, counters, load, process, trial

CAPACITY = {"django": 420.0, "fastapi": 300.0}  # requests/s of one worker
CONTENTION, COHERENCY = 0.09, 0.006
DEMAND_MS = {"django": 1.2, "fastapi": 2.1}  # CPU of the server per request
PAUSE = 0.05  # seconds of thought


def rate(label, workers, users):
    """Requests/s: a scalability law for the workers, and what so many users can ask at most."""
    waste = 1 + CONTENTION * (workers - 1) + COHERENCY * workers * (workers - 1)
    capacity = CAPACITY[label.partition(" ")[0]] * workers / waste
    return 1 / (1 / capacity**4 + ((PAUSE + 0.004) / users) ** 4) ** 0.25


def measured(number, pair, label, conditions, **changes):
    """A trial whose throughput follows the law, give or take 2 %."""
    luck = random.Random(number).gauss(1, 0.01)
    speed = conditions.arrival_rate or rate(label, conditions.workers, conditions.users) * luck
    if conditions.cpus:
        speed = min(speed, 970 * conditions.cpus / DEMAND_MS[label.partition(" ")[0]])
    requests = int(speed * conditions.seconds)
    mean_ms = 1000 * conditions.users / speed - 1000 * conditions.think_time
    if conditions.arrival_rate:
        capacity = rate(label, conditions.workers, 500)
        mean_ms = 6 / max(0.05, 1 - conditions.arrival_rate / capacity)
    server = DEMAND_MS[label.partition(" ")[0]] * requests / 1000
    values = {
        "number": number,
        "label": label,
        "pair": pair,
        "kind": "sweep",
        "requests": requests,
        "mean_ms": mean_ms,
        "started": f"2026-11-24T{9 + number // 60:02}:{number % 60:02}:00+00:00",
        "conditions": conditions,
        "inside": (speed * mean_ms / 1000,) * int(conditions.seconds),
        "at_least": (),
        "processes": family(conditions.workers, server, requests),
        "machine": MACHINE | {"cores": 8},
        "cores": {"server": (0, 1, 2, 3), "database": (4, 5), "generator": (6, 7)},
        "counters": counters(busy=server + requests / 1000 + 2),
        "served_by": served(label, conditions.workers, requests),
        "table": grown(requests),
    }
    return trial(**(values | changes))


def family(workers, server, requests):
    """A master, its workers, a database and a generator."""
    mine = [process("server", 12 + w, server / workers, (41 + w % 3) * MIB) for w in range(workers)]
    return (
        process("server", 11, 0.05, 18 * MIB),
        *mine,
        process("database", 91, requests * 0.25 / 1000, 80 * MIB),
        process("generator", 92, requests * 0.55 / 1000, 50 * MIB),
        process("lab", 93, 0.4, 60 * MIB),
    )


def served(label, workers, requests):
    """Every worker answers alike."""
    return {f"{label.partition(' ')[0]}/{12 + w}": requests // workers for w in range(workers)}


def grown(requests):
    """A table that grew by what the load created and deleted."""
    created, deleted = requests * 20 // 100, requests * 5 // 100
    rows = 100_000
    return Table(rows, rows + created - deleted, 20 * MIB, 21 * MIB, created, deleted)


def sweep(labels=("django", "fastapi"), workers=(1, 2, 4, 8), users=(50, 100, 300, 500), repeats=3):
    """A grid of workers and users, and an open load at three shares of the best."""
    number = 0
    for pair in range(1, repeats + 1):
        for users_of_setting in users:
            for count in workers:
                for label in labels:
                    number += 1
                    conditions = Conditions(workers=count, users=users_of_setting, think_time=PAUSE)
                    yield measured(number, pair, label, conditions)
    for label in labels:
        for share in (0.5, 0.7, 0.9):
            number += 1
            offered = round(share * rate(label, workers[-1], users[-1]), 1)
            conditions = Conditions(workers=workers[-1], users=1000, arrival_rate=offered)
            yield measured(number, 1, label, conditions, kind=OPEN)


def article():
    """Four figures: the second grows because its queue does, the others converge."""
    cap = Cap(True, True, 400 * MIB, ("cap of 1 CPU enforced by a control group (v2)",))
    figures = (
        ("figure 1: 1 worker on 1 CPU and 512 MB, 100 users", 1, 100, True),
        ("figure 2: 1 worker, 500 users", 1, 500, False),
        ("figure 3: 16 workers, 500 users", 16, 500, False),
        ("figure 4: 4 workers on 1 CPU and 512 MB, 100 users", 4, 100, True),
    )
    for number, (title, workers, users, capped) in enumerate(figures, start=1):
        conditions = Conditions(workers=workers, users=users)
        if capped:
            conditions = replace(conditions, cpus=1.0, memory=512 * MIB)
        changes: dict = {"cap": cap} if capped else {}
        if number == 2:
            changes["seconds_of_load"] = growing(conditions.seconds)
            changes["inside"] = tuple(range(250, 500, 5))
        yield measured(number, 1, "django", conditions, kind="article", title=title, **changes)


def growing(seconds):
    """A load whose latency doubles within the window."""
    found = []
    for at in range(-1, int(seconds)):
        latency = 800 * (1 + max(0, at) / seconds)
        found += [
            second for second in load(380 * 50, latency, seconds=50, mix=MIX) if second.at == at
        ]
    return tuple(found)


def ladder():
    """Six rungs, each a little cheaper than the one before."""
    rungs = ("no speed-ups", "+ upkeep", "+ headers", "+ fields", "+ answers", "+ worker")
    for pair in range(1, 4):
        for place, rung in enumerate(rungs):
            number = (pair - 1) * len(rungs) + place + 1
            requests = int(20_000 * 1.17**place * random.Random(number).gauss(1, 0.01))
            answered = {"django/11": requests // 2, "django/12": requests // 2}
            changes = {"kind": "ladder", "target": "django", "served_by": answered}
            yield trial(number, rung, pair, requests, 48_000 / requests, **changes)


def large():
    """200 trials of about 50,000 requests each."""
    conditions = [(w, u) for w in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32) for u in (100, 200, 300, 400)]
    number = 0
    for pair in range(1, 6):
        for workers, users in conditions:
            number += 1
            setting = Conditions(workers=workers, users=users, think_time=PAUSE)
            changes = {"requests": 50_000, "seconds_of_load": load(50_000, users - 1000 * PAUSE)}
            yield measured(number, pair, "django", setting, **changes)


RUNS = {"sweep": sweep, "article": article, "ladder": ladder, "large": large}


def write(run, folder):
    """Write the records of a run into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / jsonlines.FILE).open("w", encoding="utf-8") as file:
        file.writelines(map(jsonlines.to_line, RUNS[run]()))


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
