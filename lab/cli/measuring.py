"""What the measuring commands share: make a plan, carry it out, draw what was found."""

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from lab.cli.arguments import MIXES, service
from lab.cli.progress import Progress
from lab.errors import LabError
from lab.experiments import plan
from lab.experiments.plan import Plan, PlannedSetting, new_folder, shuffled
from lab.experiments.services import LOAD, Service, split
from lab.experiments.targets import is_ours, is_url, named
from lab.records.conditions import Conditions
from lab.records.jsonlines import completed
from lab.report.files import redraw
from lab.running import engine
from lab.running.hosts import inventory
from lab.running.hosts.inventory import Hosts
from lab.running.machine import refuse_impossible, require_linux
from lab.running.servers import running

# Options of the load that the lab sets, and short for them.
OWN = (
    "--host", "--users", "--spawn-rate", "--run-time", "--think-time", "--arrival-rate", "--pace",
    "--seed", "--shape", "--headless", "--autostart", "--request-log", "--processes", "--master",
    "--worker",
)  # fmt: skip
SCHEME = re.compile("[A-Za-z-]{0,12}")  # as in locust/options.py: what is longer may be the key
SHORT = ("-u", "-r", "-t", "-H")


def carry_out(kind: str, settings: Sequence[PlannedSetting], options: argparse.Namespace) -> Path:
    """Plan a run of settings as the options say, and measure it. Raises `LabError`."""
    require_linux()
    load, started = tuple(split(options.load, LOAD)), service(options)
    _refuse_secrets(load)
    settings = [_with_its_mix(one, named(one.target, load, started).load) for one in settings]
    wanted = Plan(
        kind=kind,
        command=_typed(options.words),
        steps=shuffled(settings, options.repeats, options.seed),
        open_shares=getattr(options, "open", ()),
        objective_ms=options.objective_ms,
        url_load=load,
        url_pid=options.pid,
        hosts=str(options.hosts) if getattr(options, "hosts", None) else None,
        service=started,
    )
    _refuse_what_cannot_be(wanted)
    return measure(new_folder(options.results, wanted), live=options.live)


def _typed(words: Sequence[str]) -> str:
    """Return the command for others to type: without this machine's place for results."""
    kept, skip = [], False
    for word in words:
        if not skip and not word.startswith("--results"):
            kept.append(word)
        skip = word == "--results"
    return shlex.join(("python", "-m", "lab", *kept))


def _refuse_secrets(load: Sequence[str]) -> None:
    """Raise `LabError` for a key that would be kept in plan, records and reports."""
    headers = (word.partition(":")[2].strip() for word in _said(load, "--auth-header"))
    if [*_said(load, "--api-key")] or not all(map(SCHEME.fullmatch, headers)):
        raise LabError(
            "the key must not stand in --load, which is kept in plan, records and reports: "
            "put it into the variable LOCUST_API_KEY, or into a file named by LOCUST_API_KEY_FILE"
        )


def _with_its_mix(setting: PlannedSetting, load: Sequence[str]) -> PlannedSetting:
    """Return a setting with the mix that the options of its load name, as those of probe do."""
    said = [*_said(load, "--mix")]
    mix = MIXES.get(said[-1], said[-1]) if said else setting.conditions.mix
    return replace(setting, conditions=replace(setting.conditions, mix=mix))


def _said(load: Sequence[str], option: str) -> Iterator[str]:
    """Yield what is said of an option, by its name or the begin of it: Locust takes both."""
    for word, following in pairwise((*load, "")):
        name, is_one_word, value = word.partition("=")
        if len(name) > 2 and option.startswith(name):
            yield value if is_one_word else following


def _refuse_the_labs_own(load: Sequence[str]) -> None:
    """Raise `LabError` for options that would make another load than the records then say."""
    for word in load:
        name = word.partition("=")[0]
        if name[:2] in SHORT or (name[2:] and any(own.startswith(name) for own in OWN)):
            raise LabError(
                f"{name} stands among the options of the load, and the lab says that itself: give "
                "it to the lab (users, seconds, think time, pace and seed are options of its own)"
            )


def _refuse_what_cannot_be(wanted: Plan) -> None:
    urls = {step.target for step in wanted.steps if is_url(step.target)}
    if wanted.url_pid and (wanted.hosts or len(urls) != 1):
        raise LabError("--pid is the main process of one http:// target: measure that by itself")
    if wanted.url_load and all(is_ours(step.target) for step in wanted.steps):
        raise LabError("--load is for a service of your own: the lab's targets have their options")
    for step in wanted.steps:
        refuse_impossible(step.conditions)
        capped = step.conditions.cpus or step.conditions.memory or step.conditions.db_rtt
        if is_url(step.target) and capped:
            raise LabError(f"{step.target} is already running: the lab can cap only what it starts")
        if not is_ours(step.target) and step.conditions.db_rtt:
            raise LabError(f"--db-rtt: the lab cannot move the database of {step.label} away")
        target = named(step.target, wanted.url_load, wanted.service)
        _refuse_secrets(target.load)
        _refuse_the_labs_own(target.load)
        if told := inventory.read(Path(wanted.hosts)) if wanted.hosts else target.service:
            _refuse_unheard(told, {other.conditions for other in wanted.steps})
    for url in () if wanted.hosts else urls:
        running(named(url), wanted.url_pid)


def _refuse_unheard(told: Service | Hosts, conditions: set[Conditions]) -> None:
    """Raise `LabError` when several counts are asked for, and the service is told none of them."""
    for name in ("workers", "threads"):
        if len({getattr(one, name) for one in conditions}) > 1 and not told.uses(name):
            raise LabError(
                f"several --{name} are asked for, and the service is not told how many: write "
                f"{{{name}}} where it is started, where the number belongs"
            )


def measure(folder: Path, *, live: bool) -> Path:
    """Measure what is left of a folder's plan, and draw whatever there is. Raises `LabError`."""
    plan.read(folder)
    if live:
        from lab.cli.live import Live  # with matplotlib, as `redraw`
    try:
        engine.carry_out(folder, Live if live else Progress)
    finally:
        if completed(folder):
            redraw(folder)
    return folder
