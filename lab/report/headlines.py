"""What the first screen of a report says: a figure and whether it can be believed."""

from collections.abc import Iterator, Mapping, Sequence

from lab.analysis.analyse import Analysis
from lab.analysis.answers import Question
from lab.analysis.comparison import labels
from lab.analysis.formatting import counted, number, percent
from lab.analysis.growth import Course
from lab.analysis.settings import Setting, closed, p95, throughput
from lab.analysis.statistics import median
from lab.analysis.verdicts import Level
from lab.report.blocks import Headline

MOST = 4  # implementations that a screen has room for


def headlines(found: Analysis) -> list[Headline]:
    """Return for each implementation its best setting: of the valid ones, the most requests/s.

    Of the article, each figure; of a sweep, the workers that are advised.
    """
    figures: dict[str, list[Setting]] = {}
    for setting in found.settings:
        if setting.shown and setting.is_figure:
            figures.setdefault(setting.shown[0].title, []).append(setting)
    return [_of_figure(title, those) for title, those in figures.items()] or [*_headlines(found)]


def _of_figure(title: str, settings: Sequence[Setting]) -> Headline:
    """Return what the article asks of each of its figures: how slow, and whether still growing."""
    first, *others = settings
    beside = [f"{one.label}: {_mean(one)} ms ({_level(one)}), {_course(one)}" for one in others]
    own = f"{first.label}, mean response time, {_course(first)}; {_trusted(first)}"
    return Headline(
        about=title, figure=f"{_mean(first)} ms", verdict=str(_level(first)),
        text=". ".join((own, *beside)),
    )  # fmt: skip


def _mean(setting: Setting) -> str:
    return number(median([trial.total.mean_ms for trial in setting.shown]))


def _course(setting: Setting) -> str:
    found = setting.verdicts[setting.shown[0].number].growth
    if found.course is not Course.UNKNOWN:
        return str(found.course)
    ends = found.latency.change.interval
    between = f": {percent(ends.low)} to {percent(ends.high)} in the window" if ends else ""
    return f"growth not known{between}"


def _headlines(found: Analysis) -> Iterator[Headline]:
    advised = {one.about: one.numbers for one in found.answer(Question.WORKERS) if one.numbers}
    for label in labels(found.settings)[:MOST]:
        if "size" in advised.get(label, {}):
            yield _advised(found, label, advised[label])
            continue
        own = [setting for setting in found.settings if setting.label == label and setting.shown]
        best = max(closed(own) or own, key=lambda one: (bool(one.trials), _median(one, "rate")))
        rate, tail = _median(best, "rate"), _median(best, "p95")
        yield Headline(
            about=label,
            figure=f"{number(rate)} requests/s",
            verdict=str(_level(best)),
            text=f"{best.sentence}: p95 {number(tail)} ms, {_trusted(best)}",
        )


def _advised(found: Analysis, label: str, numbers: Mapping[str, float | str | None]) -> Headline:
    """Return what was asked for by a sweep: how many workers."""
    wanted = [numbers[name] for name in ("workers", "threads", "users")]
    setting = next(
        one
        for one in closed(found.settings)
        if one.label == label and one.trials
        and [one.conditions.workers, one.conditions.threads, one.conditions.users] == wanted
    )  # fmt: skip
    more = (
        f"; none surely holds {numbers['users_not_held']:,} users"
        if numbers["users_not_held"]
        else ""
    )
    return Headline(
        about=label,
        figure=str(numbers["size"]),
        verdict=str(_level(setting)),
        text=f"for {setting.conditions.users:,} users: {number(_median(setting, 'rate'))} "
        f"requests/s, p95 {number(_median(setting, 'p95'))} ms, {_trusted(setting)}{more}",
    )


def _median(setting: Setting, what: str) -> float:
    value = throughput if what == "rate" else p95
    return median([value(trial) for trial in setting.shown])


def _level(setting: Setting) -> Level:
    return max(setting.verdicts[trial.number].level for trial in setting.shown)


def _trusted(setting: Setting) -> str:
    if setting.trials:
        return f"{len(setting.trials)} of {counted(len(setting.all), 'trial')} valid"
    reasons = setting.verdicts[setting.refused[0].number].reasons
    return f"no trial is valid: {reasons[0].text}"
