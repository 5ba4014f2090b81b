"""The kinds of run: what each of them measures, and under which conditions."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.errors import LabError
from lab.experiments.plan import PlannedSetting, Step
from lab.experiments.services import BY_COMMAND, SUFFIX
from lab.experiments.targets import named, variant
from lab.records.conditions import Conditions
from lab.records.trial import OPEN, Trial

MIB = 1024 * 1024
OPEN_SHARES = (0.5, 0.7, 0.9)  # of the capacity that the closed load found
MOST_OPEN_USERS = 1000  # connections; with fewer than rate x stall, the late ones catch up
# The experiment this project grew from: each figure and its conditions.
ARTICLE: Mapping[str, Mapping[str, Any]] = {
    "figure 1: 1 worker on 1 CPU and 512 MB, 100 users": {
        "workers": 1, "users": 100, "cpus": 1.0, "memory": 512 * MIB,
    },
    "figure 2: 1 worker, 500 users": {"workers": 1, "users": 500},
    "figure 3: 16 workers, 500 users": {"workers": 16, "users": 500},
    "figure 4: 4 workers on 1 CPU and 512 MB, 100 users": {
        "workers": 4, "users": 100, "cpus": 1.0, "memory": 512 * MIB,
    },
}  # fmt: skip
# After stock Django REST framework, each with all before it: what did each piece buy? The worker
# comes first: threads that wait for each other would drown what the small pieces save.
LADDER: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("settings only", {"SPEEDUPS": "none", "GUNICORN_WORKER_CLASS": "gthread"}),
    ("+ worker", {"SPEEDUPS": "none"}),
    ("+ upkeep", {"SPEEDUPS": "upkeep"}),
    ("+ headers", {"SPEEDUPS": "upkeep,headers"}),
    ("+ fields", {"SPEEDUPS": "upkeep,headers,fields"}),
    ("+ answers", {"SPEEDUPS": "upkeep,headers,fields,answers"}),
    ("+ validation", {"SPEEDUPS": "upkeep,headers,fields,answers,validation"}),
    ("+ express", {"SPEEDUPS": "upkeep,headers,fields,answers,validation,express"}),
    ("+ overlap", {"SPEEDUPS": "upkeep,headers,fields,answers,validation,express,overlap"}),
)
STOCK = "drf-stock"
CLIMBED = "django"  # the only target whose pieces can be taken out


def compared(kind: str, names: Sequence[str], conditions: Conditions) -> list[PlannedSetting]:
    """Return each target or variant under the same conditions. Raises `LabError` if unknown."""
    labels = [_label(names, index) for index in range(len(names))]
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise LabError(
            f"two files describe a service called {twice.pop()}: tell them apart by a line such as "
            'name = "old" in one of them'
        )
    return [
        PlannedSetting(kind, _known(target), label, conditions, env=env)
        for (target, env), label in zip(map(variant, names), labels, strict=True)
    ]


def _known(name: str) -> str:
    """Return what a plan calls a target."""
    return name if name == BY_COMMAND or name.endswith(SUFFIX) else named(name).name


def _label(names: Sequence[str], index: int) -> str:
    before = names[:index].count(names[index])
    name = named(names[index]).name if names[index].endswith(SUFFIX) else names[index]
    return name + (f" #{before + 1}" if before else "")


def swept(
    names: Sequence[str], conditions: Conditions, axes: Mapping[str, Sequence[int]]
) -> list[PlannedSetting]:
    """Return each target at each point of the grid that `axes` (workers, users, …) span."""
    points = [
        replace(conditions, **dict[str, Any](zip(axes, point, strict=True)))
        for point in itertools.product(*axes.values())
    ]
    return [setting for point in points for setting in compared("sweep", names, point)]


def article(names: Sequence[str], conditions: Conditions) -> list[PlannedSetting]:
    """Return the four figures of the article for each target."""
    return [
        replace(setting, title=title)
        for title, changes in ARTICLE.items()
        for setting in compared("article", names, replace(conditions, **changes))
    ]


def ladder(conditions: Conditions) -> list[PlannedSetting]:
    """Return stock Django REST framework, then our service with one more speed-up at each rung."""
    rungs = [PlannedSetting("ladder", CLIMBED, rung, conditions, env=env) for rung, env in LADDER]
    return [PlannedSetting("ladder", STOCK, "stock DRF", conditions), *rungs]


def open_pass(
    steps: Sequence[Step], trials: Sequence[Trial], shares: Sequence[float]
) -> list[PlannedSetting]:
    """Return an open load at shares of the capacity that closed trials found, for each label.

    The capacity is the best mean throughput of a setting, in requests that were answered rightly:
    to refuse one is fast. Raises `LabError` without a trial.
    """
    step_of = {step.number: step for step in steps}
    groups: dict[object, list[Trial]] = {}
    for trial in trials:
        if not trial.is_open and _goodput(trial):
            groups.setdefault(trial.group_key, []).append(trial)
    if not groups:
        raise LabError(
            "an open load needs the capacity that a closed load found, and none was found"
        )
    found = sorted((_mean_throughput(group), group[0].number) for group in groups.values())
    best = {step_of[number].label: (step_of[number], capacity) for capacity, number in found}
    return [_opened(*of_label, share) for of_label in best.values() for share in shares]


def _mean_throughput(group: Sequence[Trial]) -> float:
    return sum(map(_goodput, group)) / len(group)


def _goodput(trial: Trial) -> float:
    return trial.throughput * (1 - trial.total.failures / trial.total.requests)


def _opened(step: Step, capacity: float, share: float) -> PlannedSetting:
    rate = share * capacity
    rate = round(rate, 1 if rate > 1 else 4)
    users = max(step.conditions.users, min(math.ceil(rate), MOST_OPEN_USERS))
    conditions = replace(step.conditions, arrival_rate=rate, users=users, think_time=0.0)
    return PlannedSetting(OPEN, step.target, step.label, conditions, env=step.env)
