"""All that the records say: the one place from which every report draws."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lab.analysis.answers import Answer, Kind, Question, answered
from lab.analysis.comparison import bought, floor_of, labels
from lab.analysis.formatting import estimated
from lab.analysis.headroom import figures
from lab.analysis.models.demands import Demands, Prediction, by_implementation, demands, predictions
from lab.analysis.one_implementation import cost, growing, limits
from lab.analysis.settings import Setting, by_setting, valid
from lab.analysis.sweeps import grids, size
from lab.analysis.verdicts import Level, Verdict
from lab.analysis.winner import better
from lab.analysis.workers import Aim, workers
from lab.errors import CannotTellError
from lab.records.trial import Trial


@dataclass(frozen=True)
class Analysis:
    """Verdicts by trial number, settings with their repeats, answers in words, predictions."""

    trials: tuple[Trial, ...]
    verdicts: Mapping[int, Verdict]
    settings: tuple[Setting, ...]
    noise_floor: float | None  # None: not measured
    answers: tuple[Answer, ...]
    demands: tuple[Demands, ...]
    predictions: tuple[Prediction, ...]

    def answer(self, question: Question) -> tuple[Answer, ...]:
        """Return the answers to one question, one per implementation or pair."""
        return tuple(answer for answer in self.answers if answer.question is question)


def analyse(trials: Sequence[Trial], objective_ms: float | None = None) -> Analysis:
    """Return what trials say; `objective_ms` is an upper limit of p95 latency, None: any."""
    found = by_setting(trials)
    floor = floor_of(found)
    costs, predicted = _models(found)
    return Analysis(
        trials=tuple(trials),
        verdicts={number: one for setting in found for number, one in setting.verdicts.items()},
        settings=tuple(found),
        noise_floor=floor,
        answers=_answers(found, Aim(objective_ms, floor)),
        demands=tuple(costs),
        predictions=tuple(predicted),
    )


def _models(found: Sequence[Setting]) -> tuple[list[Demands], list[Prediction]]:
    costs, predicted = [], []
    for settings in by_implementation(found):
        try:
            cost = demands(settings)
        except CannotTellError:
            continue
        costs.append(cost)
        predicted += predictions(settings, cost)
    return costs, predicted


def _answers(found: Sequence[Setting], aim: Aim) -> tuple[Answer, ...]:
    """Answer what was asked by measuring: one setting asks nothing about worker counts."""
    answers = [
        replace(answer, about=_about(settings))
        for settings in by_implementation(found)
        for answer in _of_one(settings, aim)
    ]
    names = labels(found)
    about = ", ".join(names)
    if any(setting.is_rung for setting in found):
        answers.append(answered(Question.BOUGHT, about, bought, found))
    else:
        for other in names[1:]:
            about, pair = f"{names[0]}, {other}", (names[0], other)
            answers.append(
                answered(Question.BETTER, about, better, found, *pair, aim.floor, aim.objective_ms)
            )
    order = list(Question)
    return tuple(sorted(answers, key=lambda answer: order.index(answer.question)))


def _about(settings: Sequence[Setting]) -> str:
    """Name an implementation; of the article's figures also which they are."""
    figures = [one.all[0].title.partition(":")[0] for one in settings if one.is_figure]
    return ", ".join(dict.fromkeys((settings[0].label, *figures)))


def _of_one(settings: Sequence[Setting], aim: Aim) -> Iterator[Answer]:
    """Answer what one implementation's settings answer without another's."""
    label = settings[0].label
    verdicts = [one for setting in settings for one in setting.verdicts.values()]
    if all(one.level is Level.INVALID for one in verdicts):
        why = f"I cannot tell anything, because no trial is valid: {verdicts[0].reasons[0].text}."
        yield Answer(Question.LIMIT, label, Kind.UNKNOWN, why)
        return
    told = {size(one) for one in settings if one.size(each=True) and not one.is_figure}
    if len(told) > 1:
        seen = [figures(setting) for grid in grids(settings) for setting in grid]
        yield answered(Question.WORKERS, label, workers, settings, aim, evidence=seen)
    yield answered(Question.LIMIT, label, limits, settings)
    yield answered(Question.GROWTH, label, growing, settings)
    yield answered(Question.PLAN, label, cost, settings)


def failed(found: Analysis, objective_ms: float | None) -> Iterator[str]:
    """Say what makes a run fail: trials that are invalid, and an objective that is never met."""
    for number, verdict in sorted(found.verdicts.items()):
        if verdict.level is Level.INVALID:
            yield f"trial {number} is invalid: {verdict.reasons[0].text}"
    if objective_ms is None:
        return
    aim = Aim(objective_ms, found.noise_floor)
    believed = valid(found.settings)
    for label in labels(found.settings):
        if label not in labels(believed):
            yield f"no trial of {label} is valid: nothing shows a p95 below {objective_ms:g} ms"
    met = {setting.label for setting in believed if aim.holds(setting)}
    for label in labels(believed):
        if label not in met:
            own = [setting for setting in believed if setting.label == label]
            best = min(own, key=lambda setting: setting.p95.middle)
            yield (
                f"{label} never had p95 below {objective_ms:g} ms with its whole interval: at best "
                f"{estimated(best.p95)} ms ({best.sentence})"
            )
