"""From what the records say to the parts of a report, in the order of reading."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lab.analysis.analyse import Analysis
from lab.analysis.answers import Answer, Question
from lab.analysis.comparison import labels
from lab.analysis.formatting import and_others, counted
from lab.analysis.rules.doubts import doubts
from lab.analysis.settings import Setting
from lab.analysis.verdicts import Reason
from lab.records.trial import OPEN, Trial
from lab.report.article import article
from lab.report.blocks import Answers, Block, Bullets, Chart, Charts, Code, Heading, Headlines
from lab.report.conditions import conditions, hardware, implementations, machine
from lab.report.headlines import headlines
from lab.report.method import METHOD
from lab.report.tables import (
    by_failure,
    by_operation,
    by_trial,
    predicted,
    side_by_side,
    who_used_the_machine,
)

SCALING = "throughput-over-workers"  # its last chart is the one under the most users
FIRST = (SCALING, "ratios", "ladder", "over-time")  # charts that answer most
REDRAW = "python -m lab report FOLDER   # redraw this from records.jsonl"


def report(found: Analysis, charts: Mapping[str, Sequence[Chart]] | None = None) -> list[Block]:
    """Return the whole report; `charts` stand between the answers and the tables."""
    first, others = _first(charts or {}, FIRST[-1:] if kind(found) == "article" else FIRST)
    return [
        *_head(found),
        Headlines(headlines(found), first),
        *_answers(found.answers),
        *article(found.settings),
        *_drawn(others),
        *_figures(found),
        *_prediction(found),
        Heading("Each trial, in the order of measuring"),
        by_trial(found.trials, found.verdicts),
        Heading("How to read this"),
        Bullets(METHOD),
        Heading("Conditions"),
        Bullets(conditions(found.trials)),
        Heading("Implementations"),
        Bullets(implementations(found.trials)),
        Heading("Machine"),
        Bullets(machine(found.trials[0])),
        Heading("Run it again"),
        Code([found.trials[0].command, REDRAW]),
    ]


def summary(found: Analysis) -> list[Block]:
    """Return what fits a terminal: the answers, the figures and the doubts."""
    without = [Answer(a.question, a.about, a.kind, a.text) for a in found.answers]
    return [*_head(found), Headlines(headlines(found)), *_answers(without), *_figures(found)]


def _first(
    charts: Mapping[str, Sequence[Chart]], order: Sequence[str]
) -> tuple[Chart | None, dict[str, Sequence[Chart]]]:
    """Return the chart that answers most, and all others."""
    drawn = [chart for group in charts.values() for chart in group]
    of_kind = {name: [one for one in drawn if one.name.startswith(name)] for name in order}
    found = next(filter(None, of_kind.values()), [])
    first = found[-1] if found and found is of_kind.get(SCALING) else next(iter(found), None)
    others = {about: [one for one in drawn if one is not first] for about, drawn in charts.items()}
    return first, {about: drawn for about, drawn in others.items() if drawn}


def _head(found: Analysis) -> list[Block]:
    return [Heading(title(found), level=1), Bullets(_glance(found))]


def title(found: Analysis) -> str:
    """Name the run by what was measured for what."""
    names = labels(found.settings)
    match kind(found):
        case "article":
            return f"The article's four figures, measured here: {', '.join(names)}"
        case "ladder":
            return "What each improvement buys"
        case "sweep" if any(setting.size(each=True) for setting in found.settings):
            return f"How many workers: {', '.join(names)}"
        case "sweep":
            return f"Under one load after the other: {', '.join(names)}"
        case _:
            first, *others = names
            return f"{first} against {', '.join(others)}" if others else first


def kind(found: Analysis) -> str:
    """Return what the trials were measured for."""
    kinds = (trial.kind for trial in found.trials if trial.kind != OPEN)
    return next(kinds, OPEN)


def _glance(found: Analysis) -> list[str]:
    counts = Counter(str(verdict.level) for verdict in found.verdicts.values())
    each = ", ".join(f"{counts[level]} {level}" for level in ("valid", "suspect", "invalid"))
    first = found.trials[0]
    requests = sum(trial.total.requests for trial in found.trials)
    trials = counted(len(found.trials), "trial")
    return [
        f"{kind(found)}: {trials} ({each}), {requests:,} requests measured",
        f"{hardware(first)}; began {first.started[:16].replace('T', ' ')} UTC",
    ]


def _answers(answers: Sequence[Answer]) -> list[Block]:
    groups = {question: [a for a in answers if a.question is question] for question in Question}
    return [Answers(str(question), group) for question, group in groups.items() if group]


def _figures(found: Analysis) -> list[Block]:
    settings = [setting for setting in found.settings if setting.shown]
    return [
        Heading("Doubts"),
        Bullets(_doubts(found)),
        Heading("Side by side"),
        side_by_side(settings),
        Heading("By operation"),
        by_operation(settings),
        *_failures(settings),
        Heading("Who used the machine"),
        who_used_the_machine(settings),
    ]


def _failures(settings: Sequence[Setting]) -> list[Block]:
    found = by_failure(settings)
    return [Heading("Failures, by status"), found] if found.rows else []


def _doubts(found: Analysis) -> list[str]:
    """Return first what speaks against single trials, then what does against all."""
    refused: dict[str, list[tuple[Trial, Reason]]] = {}
    for trial in found.trials:
        for reason in found.verdicts[trial.number].reasons:
            refused.setdefault(reason.rule, []).append((trial, reason))
    said = [_refusal(group) for group in refused.values()]
    return said + doubts(found.trials) or ["no rule of the lab found anything to doubt"]


def _refusal(group: Sequence[tuple[Trial, Reason]]) -> str:
    """Say what a rule has against a trial, and against which others it has the same."""
    (trial, reason), *others = group
    said = f"trial {trial.number}, {trial.label}, is {reason.level}: {reason.text}"
    also = dict.fromkeys(other.number for other, _ in others if other is not trial)
    return said + and_others([*also])


def _drawn(charts: Mapping[str, Sequence[Chart]]) -> list[Block]:
    blocks: list[Block] = [Heading("Charts")] if charts else []
    for about, drawn in charts.items():
        blocks += [Heading(about, level=3), Charts(drawn)]
    return blocks


def _prediction(found: Analysis) -> list[Block]:
    if not found.predictions:
        return []
    return [Heading("Prediction and measurement"), predicted(found.predictions)]
