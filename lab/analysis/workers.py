"""How many workers: the smallest count that is statistically tied with the best."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.answers import Answer, Kind, Question
from lab.analysis.comparison import gain
from lab.analysis.formatting import counted, estimated, ordinal, percent
from lab.analysis.headroom import connections, figures, memory, spare_cpu
from lab.analysis.settings import Setting, ratio, throughput
from lab.analysis.statistics import FEWEST, distinguishable
from lab.analysis.sweeps import scaling_in_words, worker_sweeps
from lab.errors import CannotTellError

NO_OBJECTIVE = (
    "throughput alone decided, and thinking users hide latency: --p95 300ms decides by both"
)
CLOSE = 0.9  # of the best: what is further off is not tied, it lacks repeats


@dataclass(frozen=True)
class Aim:
    """What an advice must meet: p95 below `objective_ms` (None: any), beyond the noise floor."""

    objective_ms: float | None
    floor: float | None

    def holds(self, setting: Setting) -> bool:
        """Whether the p95 of a setting is below the objective, with all of its interval."""
        if self.objective_ms is None:
            return True
        p95 = setting.p95
        return (p95.interval.high if p95.interval else p95.middle) < self.objective_ms

    def tied(self, setting: Setting, best: Setting) -> bool:
        """Whether a setting is as fast as the best. Raises `CannotTellError` for few repeats."""
        found = ratio(throughput, setting, best)
        if found is None or found.interval is None:
            pairs = found.repeats if found else 0
            raise CannotTellError(
                f"{counted(pairs, 'valid repeat')} of {setting.sentence} beside {best.sentence} "
                f"are too few to compare them: --repeats {FEWEST} is the least"
            )
        return found.middle > CLOSE and not distinguishable(found, self.floor)

    def best(self, row: Sequence[Setting]) -> Setting | None:
        """Return the fastest that meets the objective; None when none does.

        Raises `CannotTellError` when only settings with too few valid trials do.
        """
        known = self._known(row)
        few = next(filter(self.holds, row), None)
        if few and not known:
            raise CannotTellError(
                f"{counted(len(few.trials), 'valid trial')} of {few.sentence} are too few to "
                f"advise it: --repeats {FEWEST} is the least"
            )
        return max(known, key=lambda setting: setting.median(throughput) or 0.0, default=None)

    def smallest(self, row: Sequence[Setting], best: Setting) -> Setting:
        """Return the one with fewest workers that meets the objective and ties with the best."""
        return next(
            setting for setting in self._known(row) if setting is best or self.tied(setting, best)
        )

    def _known(self, row: Sequence[Setting]) -> list[Setting]:
        """Return what meets the objective in enough trials to be advised."""
        return [setting for setting in row if len(setting.trials) >= FEWEST and self.holds(setting)]


def workers(settings: Sequence[Setting], aim: Aim) -> Answer:
    """Advise for the largest number of users that a measured worker count holds.

    `settings` are of one implementation: they differ in workers, threads, users and
    think time. Raises `CannotTellError`.
    """
    swept = [row for row in worker_sweeps(settings) if len(row) > 1]
    if not swept:
        raise CannotTellError("only one worker count was measured: sweep over --workers 1,2,4,8")
    by_users = sorted(swept, key=lambda row: row[0].conditions.users, reverse=True)
    for row in by_users:
        if best := aim.best(row):
            others = [_other(other, aim) for other in by_users if other is not row]
            others += [
                f"{setting.sentence}: no valid trial" for setting in settings if not setting.trials
            ]
            return _advice(row, aim.smallest(row, best), aim, others)
    return _none_holds(by_users[-1], aim)


def _none_holds(row: Sequence[Setting], aim: Aim) -> Answer:
    best = min(row, key=lambda setting: setting.p95.middle)
    count, users = best.conditions.workers, best.conditions.users
    text = (
        f"advice: none of the worker counts measured holds {users} users at p95 < "
        f"{aim.objective_ms:g} ms; the best, {counted(count, 'worker')}, has {estimated(best.p95)}"
        " ms."
    )
    numbers = {"users": users, "p95_ms": best.p95.middle}
    evidence = tuple(map(figures, row))
    return Answer(Question.WORKERS, best.label, Kind.ANSWER, text, evidence, numbers)


def _advice(row: Sequence[Setting], pick: Setting, aim: Aim, others: Sequence[str]) -> Answer:
    count, users, p95 = pick.conditions.workers, pick.conditions.users, pick.p95
    latency = f"p95 < {aim.objective_ms:g} ms" if aim.objective_ms else f"p95 {estimated(p95)} ms"
    spare = spare_cpu(pick)
    parts = [
        f"{counted(count, 'worker')} hold{'s' if count == 1 else ''} {users} users at {latency}"
        + (f" with {percent(spare)} CPU to spare" if spare is not None else ""),
        _one_more(row, pick, aim),
        *filter(None, (memory(pick), connections(pick))),
    ]
    numbers = {
        "workers": count,
        "threads": pick.conditions.threads,
        "users": users,
        "p95_ms": p95.middle,
        "throughput_per_s": pick.median(throughput),
        "spare_cpu": spare,
        "connections": pick.connections,
    }
    evidence = (*map(figures, row), scaling_in_words(row), *others)
    if aim.objective_ms is None and pick.conditions.think_time:
        evidence += (NO_OBJECTIVE,)
    text = f"advice: {'; '.join(parts)}."
    return Answer(Question.WORKERS, pick.label, Kind.ANSWER, text, evidence, numbers)


def _one_more(row: Sequence[Setting], pick: Setting, aim: Aim) -> str:
    """Say what the next larger worker count that was measured adds."""
    more = next(
        (setting for setting in row if setting.conditions.workers > pick.conditions.workers), None
    )
    if more is None:
        return "no valid trial had more workers"
    count = more.conditions.workers
    name = f"a {ordinal(count)}" if count == pick.conditions.workers + 1 else f"{count} workers"
    verb = gain(ratio(throughput, more, pick), aim.floor, plural=name[0] != "a")
    return f"{name} {verb}"


def _other(row: Sequence[Setting], aim: Aim) -> str:
    """Say in short what holds for another number of users."""
    users = row[0].conditions.users
    try:
        best = aim.best(row)
        if best is None:
            return f"{users} users: none of the worker counts measured holds them"
        pick = aim.smallest(row, best)
    except CannotTellError as why:
        return f"{users} users: I cannot tell, because {why}"
    return f"{users} users: {counted(pick.conditions.workers, 'worker')}"
