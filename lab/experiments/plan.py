"""What is to be measured, in which order, and how long that will take.

A plan is written into the results folder before anything starts, so that a run that was stopped
goes on with the same steps in the same order.
"""

import datetime
import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.experiments.services import Service
from lab.records.conditions import Conditions

VERSION = 1
FILE = "plan.json"
SECONDS_TO_PREPARE = 10.0  # once: start PostgreSQL, create and migrate the database
SECONDS_AROUND_A_TRIAL = 10.0  # seed, vacuum, start server and load, drain, read the log


@dataclass(frozen=True)
class PlannedSetting:
    """What is repeated: one implementation under its conditions."""

    kind: str  # what it is measured for: run, article, compare, sweep, ladder, open
    target: str  # a name of the registry, a URL, a .toml file, or `service` for --command
    label: str  # what is compared; tells the same target measured against itself apart
    conditions: Conditions
    title: str = ""  # of an article's figure
    env: Mapping[str, str] = field(default_factory=dict)  # overrides the target's


@dataclass(frozen=True, kw_only=True)
class Step(PlannedSetting):
    """One trial to come."""

    number: int  # from 1, in the order of measuring
    place: int  # from 1, of its setting in the order in which they were asked for
    pair: int  # the repeat, from 1: its steps are neighbours in time and are compared

    @property
    def group_key(self) -> tuple[str, Conditions]:
        """What its repeats have in common and other steps have not."""
        return self.label, self.conditions

    @property
    def name(self) -> str:
        """What its files begin with."""
        return f"{self.number:02}-{re.sub('[^a-z0-9+]+', '-', self.label.lower()).strip('-')}"


@dataclass(frozen=True)
class Plan:
    """All steps of a run, and what is to follow when they are done. Raises `LabError` at birth."""

    kind: str
    command: str  # as a person would type it
    steps: tuple[Step, ...]
    open_shares: tuple[float, ...] = ()  # of the capacity found: an open load at each, afterwards
    objective_ms: float | None = None  # what p95 must stay below, for advice and exit code
    url_load: tuple[str, ...] = ()  # options of locust/locustfile.py for others than our targets
    url_pid: int | None = None  # the process that answers at the URL, to see what it uses
    hosts: str | None = None  # the file that says which hosts serve and load that URL
    service: Service | None = None  # that of --command

    def __post_init__(self) -> None:
        if not self.steps:
            raise LabError("there is nothing to measure: name a target and at least one repeat")

    @property
    def expected_seconds(self) -> float:
        """How long all will take, the open loads that are still to be planned included."""
        labels = {step.label: step for step in self.steps}
        to_come = () if self.has_open_steps else self.open_shares
        return expected_seconds([*self.steps, *(s for s in labels.values() for _ in to_come)])

    @property
    def most_workers(self) -> int:
        """The most that any step has: their cores are the server's for the whole run."""
        return max(step.conditions.workers for step in self.steps)

    @property
    def has_open_steps(self) -> bool:
        """Whether the open loads are planned already."""
        return any(step.conditions.arrival_rate for step in self.steps)


def shuffled(settings: Sequence[PlannedSetting], repeats: int, seed: int) -> tuple[Step, ...]:
    """Return all settings in a random order, `repeats` times, each time in another.

    A drifting machine then affects all alike, and no setting always follows the same other one.
    Raises `LabError` when nothing is to be repeated.
    """
    if repeats < 1:
        raise LabError(f"repeats is {repeats}: give a number above 0")
    rng = random.Random(seed)  # noqa: S311
    places = range(len(settings))
    rounds = [
        (pair, place) for pair in range(1, repeats + 1) for place in rng.sample(places, len(places))
    ]
    return tuple(
        Step(**vars(settings[place]), number=number, place=place + 1, pair=pair)
        for number, (pair, place) in enumerate(rounds, start=1)
    )


def appended(plan: Plan, settings: Iterable[PlannedSetting]) -> Plan:
    """Return the plan with more settings to measure once each, after all others."""
    number, place = len(plan.steps), max(step.place for step in plan.steps)
    more = (
        Step(**vars(setting), number=number + more, place=place + more, pair=1)
        for more, setting in enumerate(settings, start=1)
    )
    return replace(plan, steps=(*plan.steps, *more))


def expected_seconds(steps: Iterable[Step]) -> float:
    """Return how long the whole will take."""
    return SECONDS_TO_PREPARE + sum(
        SECONDS_AROUND_A_TRIAL + step.conditions.warm_up + step.conditions.seconds for step in steps
    )


def new_folder(results: Path, plan: Plan) -> Path:
    """Make a folder for a plan and write the plan into it. Raises `LabError`."""
    now = datetime.datetime.now(datetime.UTC)
    folder = results / f"{now:%Y%m%d-%H%M%S}-{plan.kind}"
    try:
        results.mkdir(parents=True, exist_ok=True)
        made = _made(folder)
    except OSError as error:
        raise LabError(f"cannot write results to {folder}: {error.strerror}") from error
    write(made, plan)
    return made


def _made(folder: Path) -> Path:
    """Make a folder, by another name where a run of the same second has it. Raises OSError."""
    for place in count(1):
        made = folder if place == 1 else folder.with_name(f"{folder.name}-{place}")
        with suppress(FileExistsError):
            made.mkdir()
            break
    return made


def write(folder: Path, plan: Plan) -> None:
    """Write the plan into a results folder, wholly or not at all. Raises OSError."""
    unfinished = folder / f"{FILE}.unfinished"
    text = json.dumps({"version": VERSION, **asdict(plan)}, indent=1, ensure_ascii=False)
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(folder / FILE)


def read(folder: Path) -> Plan:
    """Return the plan of a results folder. Raises `LabError`."""
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        version = found.pop("version")
        if version > VERSION:
            raise LabError(f"{path} was written by a later lab (format {version}): update")
        return Plan(**_known(found))
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LabError(f"{path} is not the plan of a run ({error})") from error


def _known(found: dict[str, Any]) -> dict[str, Any]:
    read = Conditions.from_json
    steps = (Step(**{**step, "conditions": read(step["conditions"])}) for step in found["steps"])
    lists = {name: tuple(found[name]) for name in ("open_shares", "url_load")}
    service = Service(**found["service"]) if found.get("service") else None
    return {**found, **lists, "steps": tuple(steps), "service": service}
