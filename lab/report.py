"""From records to words and tables; reads nothing else and changes nothing."""

from collections.abc import Sequence

from lab.analysis import Analysis, analyse
from lab.answers import Question
from lab.blocks import Block, Bullets, Code, Heading, markdown
from lab.doubts import doubts
from lab.effects import labels
from lab.errors import LabError
from lab.records import Trial
from lab.tables import by_operation, by_trial, predicted, side_by_side, who_had_the_machine

__all__ = ["markdown", "report", "summary"]

MIB = 1024 * 1024


def report(trials: Sequence[Trial], objective_ms: float | None = None) -> list[Block]:
    """Return the whole report. Raises `LabError` when there is no trial."""
    found = _analysed(trials, objective_ms)
    first_of = {trial.label: trial for trial in reversed(trials)}
    return [
        *_summary(found),
        Heading("Each trial, in the order of measuring"),
        by_trial(trials, found.verdicts),
        *_prediction(found),
        Heading("Evidence"),
        Bullets([f"{a.about}: {line}" for a in found.answers for line in a.evidence]),
        Heading("Conditions"),
        Bullets(_conditions(trials[0])),
        Heading("Implementations"),
        Bullets([_implementation(first_of[label]) for label in labels(found.cells)]),
        Heading("Machine"),
        Bullets(_machine(trials[0])),
        Heading("Again"),
        Code([_command(trials), "python -m lab report FOLDER   # redraw this from records.jsonl"]),
    ]


def summary(trials: Sequence[Trial], objective_ms: float | None = None) -> list[Block]:
    """Return what fits a terminal: the answers, the figures and the doubts."""
    return _summary(_analysed(trials, objective_ms))


def _analysed(trials: Sequence[Trial], objective_ms: float | None) -> Analysis:
    if not trials:
        raise LabError("there is no completed trial to report on")
    return analyse(trials, objective_ms)


def _summary(found: Analysis) -> list[Block]:
    names = labels(found.cells)
    return [
        Heading(" against ".join(names), level=1),
        *_answers(found),
        Heading("Side by side"),
        side_by_side(found.cells),
        Heading("By operation"),
        by_operation(found.cells),
        Heading("Who had the machine"),
        who_had_the_machine(found.cells),
        Heading("Doubts"),
        Bullets(_doubts(found)),
    ]


def _answers(found: Analysis) -> list[Block]:
    blocks: list[Block] = []
    for question in Question:
        if answers := found.answer(question):
            blocks += [Heading(question), Bullets([answer.sentence for answer in answers])]
    return blocks


def _doubts(found: Analysis) -> list[str]:
    """Return first what speaks against single trials, then what does against all."""
    refused = [
        f"trial {trial.number}, {trial.label}, is {reason.level}: {reason.text}"
        for trial in found.trials
        for reason in found.verdicts[trial.number].reasons
    ]
    return refused + doubts(found.trials) or ["none of the lab's rules found a reason to doubt"]


def _prediction(found: Analysis) -> list[Block]:
    if not found.predictions:
        return []
    return [Heading("Prediction and measurement"), predicted(found.predictions)]


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


def _command(trials: Sequence[Trial]) -> str:
    c = trials[0].conditions
    names = {trial.label: trial.target for trial in trials}.values()
    words = ["python -m lab compare", *names, f"--repeats {max(trial.pair for trial in trials)}"]
    for name in ("seconds", "warm_up", "users", "workers", "threads", "think_time", "rows", "seed"):
        words.append(f"--{name.replace('_', '-')} {getattr(c, name):g}")
    if c.cpus:
        words.append(f"--cpus {c.cpus:g}")
    if c.memory:
        words.append(f"--memory {c.memory // MIB}m")
    return " ".join(words)
