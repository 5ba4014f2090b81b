"""From records to words and tables; reads nothing else and changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.blocks import Block, Bullets, Code, Heading, Table, markdown
from lab.bottleneck import bottleneck, who_had_the_machine
from lab.doubts import doubts, noise
from lab.errors import LabError
from lab.operations import ALL
from lab.records import Trial
from lab.statistics import FEWEST, Estimate, distinguishable, median, paired_ratio
from lab.words import estimated, hundredths, number, spread

__all__ = ["markdown", "report", "summary"]

MIB = 1024 * 1024
Trials = Sequence[Trial]


@dataclass(frozen=True)
class Figure:
    """One row of the comparison: its name, and its value in a trial (None: not measured)."""

    name: str
    of: Callable[[Trial], float | None]


FIGURES = (
    Figure("throughput, requests/s", lambda trial: trial.throughput),
    Figure("p50, ms", lambda trial: trial.total.p50_ms),
    Figure("p95, ms", lambda trial: trial.total.p95_ms),
    Figure("p99, ms", lambda trial: trial.total.p99_ms),
    Figure("server CPU, ms per request", lambda trial: trial.server_ms_per_request),
    Figure("server memory (PSS), MiB", lambda trial: _memory(trial)),
)
THROUGHPUT, DEMAND = FIGURES[0], FIGURES[4]


def report(trials: Trials) -> list[Block]:
    """Return the whole report. Raises `LabError` when there is no trial."""
    blocks = summary(trials)
    blocks += [
        Heading("Each trial, in the order of measuring"),
        _trials_table(trials),
        Heading("Conditions"),
        Bullets(_conditions(trials[0])),
        Heading("Implementations"),
        Bullets([_implementation(group[0]) for group in _by_label(trials).values()]),
        Heading("Machine"),
        Bullets(_machine(trials[0])),
        Heading("Again"),
        Code([_command(trials), "python -m lab report FOLDER   # redraw this from records.jsonl"]),
    ]
    return blocks


def summary(trials: Trials) -> list[Block]:
    """Return what fits a terminal: the answer, the figures and the doubts."""
    if not trials:
        raise LabError("there is no completed trial to report on")
    groups = _by_label(trials)
    return [
        Heading(" against ".join(groups), level=1),
        Bullets(_answers(groups)),
        Heading("Side by side"),
        _figures_table(groups),
        Heading("By operation"),
        _operations_table(groups),
        Heading("Who had the machine"),
        who_had_the_machine(groups),
        Heading("Doubts"),
        Bullets(doubts(trials) or ["none of the lab's rules found a reason to doubt this"]),
    ]


def _by_label(trials: Trials) -> dict[str, list[Trial]]:
    labels = dict.fromkeys(trial.label for trial in trials)
    return {label: [trial for trial in trials if trial.label == label] for label in labels}


def _answers(groups: dict[str, list[Trial]]) -> list[str]:
    first, *rest = groups
    floor = noise([trial for group in groups.values() for trial in group])
    compared = [_answer(groups, first, other, floor) for other in rest]
    return compared + [bottleneck(label, group) for label, group in groups.items()]


def _answer(groups: dict[str, list[Trial]], first: str, other: str, floor: float | None) -> str:
    speed = _ratio(THROUGHPUT, groups[first], groups[other])
    demand = _ratio(DEMAND, groups[first], groups[other])
    if speed is None or demand is None:
        return f"{first} and {other} have no completed pair yet: nothing can be compared"
    needs = f"{first} needs {_times(demand)} the server CPU per request"
    if speed.interval is None:
        return (
            f"which of {first} and {other} is faster cannot be told from {speed.repeats} trials "
            f"of each: {_times(speed)} the throughput, it seems (--repeats {FEWEST} tells); {needs}"
        )
    if not distinguishable(speed, floor):
        return (
            f"{first} and {other} are not distinguishable in throughput: {_times(speed)}, where "
            f"repeats of the same one differ by {floor or 0:.0%}; {needs}"
        )
    return f"{first} serves {_times(speed)} the requests of {other}; {needs}"


def _times(ratio: Estimate) -> str:
    middle, bracket, interval = estimated(ratio, hundredths).partition(" (")
    return f"{middle} times{bracket}{interval}"


def _ratio(figure: Figure, ours: Trials, theirs: Trials) -> Estimate | None:
    """Return ours ÷ theirs over the pairs that both completed."""
    other = {trial.pair: figure.of(trial) for trial in theirs}
    pairs = [(figure.of(trial), other.get(trial.pair)) for trial in ours]
    known = [(mine, yours) for mine, yours in pairs if mine and yours]
    if not known:
        return None
    return paired_ratio([mine for mine, _ in known], [yours for _, yours in known])


def _figures_table(groups: dict[str, list[Trial]]) -> Table:
    first, *rest = groups
    header = ["", *groups, *(f"{first} ÷ {other}" for other in rest)]
    rows = []
    for figure in FIGURES:
        values = [_cell(figure, group) for group in groups.values()]
        ratios = [_ratio(figure, groups[first], groups[other]) for other in rest]
        cells = [estimated(ratio, hundredths) if ratio else "-" for ratio in ratios]
        rows.append([figure.name, *values, *cells])
    rows.append(["failures", *(_failures(group) for group in groups.values()), *[""] * len(rest)])
    return Table(header, rows, note=_how_to_read(groups))


def _how_to_read(groups: dict[str, list[Trial]]) -> str:
    trials = max(len(group) for group in groups.values())
    note = f"Median of {trials} trials (lowest to highest)." if trials > 1 else "One trial each."
    if len(groups) > 1:
        note += " Ratios: geometric mean over neighbouring trials, 95 % bootstrap interval."
    return note


def _cell(figure: Figure, group: Trials) -> str:
    values = [value for trial in group if (value := figure.of(trial)) is not None]
    return spread(values) if values else "not measured"


def _failures(group: Trials) -> str:
    failed = sum(trial.total.failures for trial in group)
    return f"{failed:,} of {sum(trial.total.requests for trial in group):,}"


def _memory(trial: Trial) -> float | None:
    peak = trial.usage["server"].peak_pss if "server" in trial.usage else None
    return peak / MIB if peak else None


def _operations_table(groups: dict[str, list[Trial]]) -> Table:
    found = [
        operation.name for group in groups.values() for t in group for operation in t.operations
    ]
    rows = [
        _operation_row(name, label, group)
        for name in sorted(set(found) - {ALL})
        for label, group in groups.items()
        if any(operation.name == name for trial in group for operation in trial.operations)
    ]
    header = ("operation", "", "requests", "failures", "p50, ms", "p95, ms", "p99, ms")
    return Table(header, rows, note="Requests of all trials; percentiles: median of the trials'.")


def _operation_row(name: str, label: str, group: Trials) -> list[str]:
    own = [operation for trial in group for operation in trial.operations if operation.name == name]
    columns = ([o.p50_ms for o in own], [o.p95_ms for o in own], [o.p99_ms for o in own])
    counts = (sum(o.requests for o in own), sum(o.failures for o in own))
    return [name, label, *(f"{n:,}" for n in counts), *(number(median(c)) for c in columns)]


def _trials_table(trials: Trials) -> Table:
    header = ("trial", *(figure.name for figure in FIGURES), "failures", "began")
    rows = [
        [
            f"{trial.number} {trial.label}",
            *(_cell(figure, [trial]) for figure in FIGURES),
            f"{trial.total.failures:,}",
            trial.started,
        ]
        for trial in trials
    ]
    return Table(header, rows)


def _conditions(trial: Trial) -> list[str]:
    c = trial.conditions
    return [
        f"{c.workers} workers × {c.threads} threads or pooled connections: "
        f"{c.workers * c.threads} database connections at most, on every side",
        f"{c.users} users; each waits for its answer and sends again {_pause(c.think_time)} "
        "(a closed load: a slow server gets fewer requests)",
        f"{c.warm_up:g} s warm-up, then a window of {c.seconds:g} s; "
        "a request counts where it ended",
        f"{c.rows:,} rows seeded before each trial, random seed {c.seed}",
        *trial.cap.sentences,
    ]  # fmt: skip


def _pause(think_time: float) -> str:
    return f"after {think_time:g} s" if think_time else "at once"


def _implementation(trial: Trial) -> str:
    env = " ".join(f"{name}={value}" for name, value in trial.settings["env"].items())
    versions = ", ".join(f"{name} {v}" for name, v in trial.settings["versions"].items())
    return f"{trial.label}: `{env} {trial.settings['command']}` ({versions or 'no versions known'})"


def _machine(trial: Trial) -> list[str]:
    m = trial.machine
    database = ", ".join(f"{name} {value}" for name, value in m.get("postgresql", {}).items())
    tools = ", ".join(f"{name} {value}" for name, value in m.get("versions", {}).items())
    changed = m.get("changed_files", 0)
    state = f"{changed} files changed since" if changed else "nothing changed since"
    commit = f"commit {m['commit']}, {state}" if "commit" in m else "no git commit known"
    return [
        f"{m['cpu']}, {m['cores']} cores, {m['memory'] / MIB / 1024:.0f} GiB, {m['kernel']}",
        f"PostgreSQL: {database or 'settings not known'}",
        f"Python {m['python']}, {tools}",
        commit,
    ]


def _command(trials: Trials) -> str:
    c, names = trials[0].conditions, [group[0].target for group in _by_label(trials).values()]
    words = ["python -m lab compare", *names, f"--repeats {max(trial.pair for trial in trials)}"]
    for name in ("seconds", "warm_up", "users", "workers", "threads", "think_time", "rows", "seed"):
        words.append(f"--{name.replace('_', '-')} {getattr(c, name):g}")
    if c.cpus:
        words.append(f"--cpus {c.cpus:g}")
    if c.memory:
        words.append(f"--memory {c.memory // MIB}m")
    return " ".join(words)
