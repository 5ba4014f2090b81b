"""How many workers, and threads in each: the fewest that are statistically tied with the best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.analysis.answers import Answer, Kind, Question
from lab.analysis.comparison import gain
from lab.analysis.formatting import counted, estimated, ordinal, percent
from lab.analysis.headroom import connections, figures, memory, room, spare_cpu
from lab.analysis.rules.parts import STRANGERS, others
from lab.analysis.settings import Setting, ratio, throughput, valid
from lab.analysis.statistics import FEWEST, distinguishable
from lab.analysis.sweeps import grids, scaling_in_words, size
from lab.errors import CannotTellError
from lab.records.trial import Trial

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

    def none(self, row: Sequence[Setting]) -> str:
        """Begin to say that none holds a load: surely, or that none is sure to hold it."""
        p95s = [setting.p95 for setting in row]
        lows = [p95.interval.low if p95.interval else p95.middle for p95 in p95s]
        surely = "surely " if min(lows) < (self.objective_ms or 0.0) else ""
        return f"none of the worker counts measured {surely}holds"

    def tied(self, setting: Setting, best: Setting) -> bool:
        """Whether a setting is as fast as the best. Raises `CannotTellError` for few repeats."""
        found = ratio(throughput, setting, best)
        if found is None or found.interval is None:
            pairs = found.repeats if found else 0
            raise CannotTellError(
                f"{setting.sentence} and {best.sentence} have {counted(pairs, 'valid repeat')} "
                f"beside one another, too few to compare them: --repeats {FEWEST} is the least"
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
                f"{few.sentence} has {counted(len(few.trials), 'valid trial')}, too few to advise "
                f"it: --repeats {FEWEST} is the least"
            )
        return max(known, key=lambda setting: setting.median(throughput) or 0.0, default=None)

    def smallest(self, row: Sequence[Setting], best: Setting) -> Setting:
        """Return the one with fewest workers, and threads, that meets the objective and ties."""
        return next(
            setting for setting in self._known(row) if setting is best or self.tied(setting, best)
        )

    def _known(self, row: Sequence[Setting]) -> list[Setting]:
        """Return what meets the objective in enough trials to be advised."""
        return [setting for setting in row if len(setting.trials) >= FEWEST and self.holds(setting)]


def workers(settings: Sequence[Setting], aim: Aim) -> Answer:
    """Advise for the largest number of users that what was measured holds.

    `settings` are of one implementation: they differ in workers, threads, users and
    think time. Raises `CannotTellError`.
    """
    sound, broken = _parted(settings)
    swept = [grid for grid in grids(sound) if len(grid) > 1]
    if not valid(settings):
        first = settings[0]
        why = first.verdicts[first.refused[0].number].reasons[0].text
        raise CannotTellError(f"no trial is valid: {why}")
    if not swept:
        known = ", ".join(setting.sentence for setting in valid(sound)) or "nothing"
        raise CannotTellError(
            f"valid trials are of {known} only: measure other worker counts, or more repeats"
            + "".join(f". {said}" for said in broken)
        )
    _refuse_a_full_machine(
        [trial for grid in swept for setting in grid for trial in setting.trials]
    )
    by_users = sorted(swept, key=_users, reverse=True)
    for row in by_users:
        if best := aim.best(row):
            besides = [_other(other, aim) for other in by_users if other is not row]
            besides += [
                f"{setting.sentence}: no valid trial" for setting in settings if not setting.trials
            ]
            larger = [other for other in by_users if _users(other) > _users(row)]
            not_held = min(larger, key=_users, default=None)
            return _advice(row, aim.smallest(row, best), aim, not_held, [*besides, *broken])
    return _none_holds(by_users[-1], aim)


def _parted(settings: Sequence[Setting]) -> tuple[list[Setting], list[str]]:
    """Return what may be advised, and a sentence about each that failed in some of its trials."""
    sound = [setting for setting in settings if not setting.broke]
    broken = [
        f"{setting.sentence} is not advised, whatever its other trials say: {setting.broke}"
        for setting in settings
        if setting.broke and setting.trials
    ]
    return sound, broken


def _refuse_a_full_machine(trials: Sequence[Trial]) -> None:
    """Raise `CannotTellError` where what other programs left decided what workers could do."""
    # What is not known to be another's may be the database of the service that is measured.
    found = [
        part for trial in trials
        if (part := others(trial)) and part.is_full and part.name != STRANGERS
    ]  # fmt: skip
    if 2 * len(found) > len(trials):
        worst = max(found, key=lambda part: part.utilisation)
        raise CannotTellError(f"{worst.name} filled the machine: {worst.detail}")


def _none_holds(row: Sequence[Setting], aim: Aim) -> Answer:
    best = min(row, key=lambda setting: setting.p95.middle)
    users = best.conditions.users
    text = (
        f"advice: {aim.none(row)} {users} users at p95 < "
        f"{aim.objective_ms:g} ms; the best, {_size(best, row)}, has {estimated(best.p95)} ms."
    )
    numbers = {"users": users, "p95_ms": best.p95.middle}
    evidence = tuple(map(figures, row))
    return Answer(Question.WORKERS, best.label, Kind.ANSWER, text, evidence, numbers)


def _users(row: Sequence[Setting]) -> int:
    return row[0].conditions.users


def _advice(
    row: Sequence[Setting],
    pick: Setting,
    aim: Aim,
    not_held: Sequence[Setting] | None,  # the fewest users that are too many
    besides: Sequence[str],
) -> Answer:
    count, users, p95 = pick.conditions.workers, pick.conditions.users, pick.p95
    many = _size(pick, row)
    latency = f"p95 < {aim.objective_ms:g} ms" if aim.objective_ms else f"p95 {estimated(p95)} ms"
    spare = spare_cpu(pick)
    one = (count if pick.all[0].knows_workers else pick.conditions.threads) == 1
    parts = [
        f"{many} hold{'s' if one else ''} {users} users at {latency}"
        + (f" with {percent(spare)} CPU to spare" if spare is not None else ""),
        *([f"{aim.none(not_held)} {_users(not_held)}"] if not_held else ()),
        *_more(row, pick, aim),
        *filter(None, (memory(pick), connections(pick))),
    ]
    numbers: dict[str, float | str | None] = {
        "size": many,
        "workers": count,
        "threads": pick.conditions.threads,
        "users": users,
        "users_not_held": _users(not_held) if not_held else None,
        "p95_ms": p95.middle,
        "throughput_per_s": pick.median(throughput),
        "spare_cpu": spare,
        "connections": pick.connections if pick.all[0].knows_slots else None,
    }
    alike = [one for one in row if one.conditions.threads == pick.conditions.threads]
    law = scaling_in_words(alike) if pick.all[0].knows_workers else ""
    evidence = (*map(figures, row), *filter(None, (law, room(pick), _kept_to(row))), *besides)
    if aim.objective_ms is None and pick.conditions.think_time:
        evidence += (NO_OBJECTIVE,)
    text = f"advice: {'; '.join(parts)}."
    return Answer(Question.WORKERS, pick.label, Kind.ANSWER, text, evidence, numbers)


def _kept_to(row: Sequence[Setting]) -> str:
    """Say on how few cores the workers were, where nobody asked for so few."""
    largest = max(row, key=lambda one: one.conditions.workers)
    cores, c = len(largest.all[0].cores.get("server", ())), largest.conditions
    if c.cpus or not largest.all[0].knows_workers or not 0 < cores < c.workers:
        return ""
    return f"the server was kept to {counted(cores, 'core')}: on more, more workers may pay"


def _size(setting: Setting, row: Sequence[Setting]) -> str:
    """Return its workers, and what each of them has where that was varied."""
    return setting.size(each=len({one.conditions.threads for one in row}) > 1)


def _each(setting: Setting) -> str:
    return counted(setting.conditions.threads, setting.all[0].per_worker or "thread")


def _more(row: Sequence[Setting], pick: Setting, aim: Aim) -> Iterator[str]:
    """Say what the next larger worker count adds, and the next larger one of threads."""
    count, threads = size(pick)
    if len({one.conditions.workers for one in row}) > 1:
        larger = [
            s for s in row if s.conditions.workers > count and s.conditions.threads == threads
        ]
        yield _one_more(larger, pick, aim)
    beside = [s for s in row if s.conditions.workers == count]
    if len(beside) > 1:
        larger = [s for s in beside if s.conditions.threads > threads]
        yield _more_of_each(larger, pick, aim)


def _one_more(larger: Sequence[Setting], pick: Setting, aim: Aim) -> str:
    if not larger:
        return "no valid trial had more workers"
    more, count = larger[0], larger[0].conditions.workers
    name = f"a {ordinal(count)}" if count == pick.conditions.workers + 1 else f"{count} workers"
    return f"{name} {gain(ratio(throughput, more, pick), aim.floor, plural=name[0] != 'a')}"


def _more_of_each(larger: Sequence[Setting], pick: Setting, aim: Aim) -> str:
    if not larger:
        return f"no valid trial had more than {_each(pick)} in each"
    more = larger[0]
    return f"{_each(more)} {gain(ratio(throughput, more, pick), aim.floor, plural=True)}"


def _other(row: Sequence[Setting], aim: Aim) -> str:
    """Say in short what holds for another number of users."""
    users = _users(row)
    try:
        best = aim.best(row)
        if best is None:
            return f"{users} users: {aim.none(row)} them"
        pick = aim.smallest(row, best)
    except CannotTellError as why:
        return f"{users} users: I cannot tell, because {why}"
    return f"{users} users: {_size(pick, row)}"
