"""The repeats of one setting of one implementation, taken together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lab.analysis.formatting import counted
from lab.analysis.statistics import (
    Estimate,
    Floats,
    mean_estimate,
    median,
    paired_ratio,
    percentile_estimate,
)
from lab.analysis.verdicts import Level, Verdict, verdict
from lab.errors import CannotTellError
from lab.records.conditions import Conditions
from lab.records.histogram import BUCKETS, MIDDLES_MS
from lab.records.trial import Trial

Value = Callable[[Trial], float | None]
WINDOWS = 20  # enough of them to draw from
LONGEST_WINDOW = 5  # seconds; neighbouring seconds share a queue
BREAKS = ("failures", "unanswered", "lost_writes", "restarts")  # rules: what the service does


def throughput(trial: Trial) -> float:
    """Return requests/s."""
    return trial.throughput


def p95(trial: Trial) -> float:
    """Return the 95th percentile of latency, ms."""
    return trial.total.p95_ms


def demand(trial: Trial) -> float | None:
    """Return the server's CPU per request, ms: its service demand."""
    return trial.server_ms_per_request


def per_cpu_second(trial: Trial) -> float | None:
    """Return the requests that a CPU second of the server serves."""
    spent = trial.server_ms_per_request
    return 1000 / spent if spent else None


@dataclass(frozen=True)
class Setting:
    """Trials of the same label and conditions, one or more; `refused` are those not believed.

    `verdicts` are by trial number.
    """

    label: str
    conditions: Conditions
    trials: tuple[Trial, ...]  # valid
    refused: tuple[Trial, ...]
    verdicts: Mapping[int, Verdict]

    @property
    def broke(self) -> str:
        """What the service did wrong in a trial that is refused; "" where it did nothing.

        Its other trials are those in which that happened not to happen.
        """
        reasons = (
            f"trial {trial.number}: {reason.text}"
            for trial in self.refused
            for reason in self.verdicts[trial.number].reasons
            if reason.rule in BREAKS
        )
        return next(reasons, "")

    @property
    def sentence(self) -> str:
        """Name it within its implementation."""
        size, load = self.size(each=True), self.conditions.load
        return f"{size}, {load}" if size else load

    def size(self, *, each: bool) -> str:
        """Return its workers, and what `each` has, as far as it was told how many; or ""."""
        c, trial = self.conditions, self.all[0]
        said = [counted(c.workers, "worker")] if trial.knows_workers else []
        if said and trial.workers > c.workers:
            said[0] += f" on each of {trial.workers // c.workers} hosts"
        if trial.per_worker and (each or not said):
            said.append(counted(c.threads, trial.per_worker))
        return " × ".join(said)

    @property
    def target(self) -> str:
        """The implementation; `label` may tell two of the same apart."""
        return self.all[0].target

    @property
    def is_open(self) -> bool:
        """Whether requests came at their own rate, whatever the answers did."""
        return self.conditions.arrival_rate is not None

    @property
    def is_rung(self) -> bool:
        """Whether it belongs to a ladder: one implementation with more and more speed-ups."""
        return self.all[0].kind == "ladder"

    @property
    def is_figure(self) -> bool:
        """Whether it is a figure of the article: those differ in more than one thing."""
        return bool(self.all[0].title)

    @property
    def shown(self) -> tuple[Trial, ...]:
        """What a table shows: the valid trials, or without any the refused ones."""
        return self.trials or self.refused

    @property
    def all(self) -> tuple[Trial, ...]:
        """Valid and refused."""
        return (*self.trials, *self.refused)

    @property
    def slots(self) -> int:
        """Requests that can be inside the workers at once: threads, or pooled connections."""
        return self.all[0].slots

    @property
    def connections(self) -> int:
        """Connections to the database that the workers may hold."""
        return self.all[0].connections

    def median(self, value: Value) -> float | None:
        """Return the median over valid trials; None when none was measured."""
        found = self._values(value)
        return median(found) if found else None

    def estimate(self, value: Value) -> Estimate | None:
        """Return the mean over valid trials with its interval; None when none was measured."""
        found = self._values(value)
        return mean_estimate(found) if found else None

    def _values(self, value: Value) -> list[float]:
        return [found for trial in self.trials if (found := value(trial)) is not None]

    @cached_property
    def p95(self) -> Estimate:
        """The 95th percentile of latency (ms). Raises `CannotTellError` without a valid trial."""
        return self.percentile(95)

    def percentile(self, wanted: float) -> Estimate:
        """Return a percentile of latency (ms), its interval from windows and repeats.

        Raises `CannotTellError` without a valid trial.
        """
        if not self.trials:
            raise CannotTellError(f"there is no valid trial of {self.sentence}")
        return percentile_estimate([histograms(trial) for trial in self.trials], MIDDLES_MS, wanted)


def histograms(trial: Trial) -> Floats:
    """Return the latencies of the measured window: windows x buckets."""
    length = max(1, min(LONGEST_WINDOW, int(trial.seconds) // WINDOWS))
    found = np.zeros((max(1, int(trial.seconds) // length), BUCKETS))
    for second in trial.seconds_of_load:
        if second.at >= 0:
            row = min(second.at // length, len(found) - 1)
            found[row, second.latencies.buckets] += second.latencies.counts
    return found[found.any(axis=1)]


def by_setting(trials: Iterable[Trial]) -> list[Setting]:
    """Gather trials by label and conditions, in the order in which these were asked for."""
    groups: dict[tuple[str, Conditions], list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.place, trial.number)):
        groups.setdefault(trial.group_key, []).append(trial)
    return [_setting(*key, group) for key, group in groups.items()]


def _setting(label: str, conditions: Conditions, group: Sequence[Trial]) -> Setting:
    found = {trial.number: verdict(trial) for trial in group}
    good = [trial for trial in group if found[trial.number].level is Level.VALID]
    bad = [trial for trial in group if found[trial.number].level is not Level.VALID]
    return Setting(label, conditions, tuple(good), tuple(bad), found)


def closed(settings: Iterable[Setting]) -> list[Setting]:
    """Return the settings under a closed load."""
    return [setting for setting in settings if not setting.is_open]


def valid(settings: Iterable[Setting]) -> list[Setting]:
    """Return the settings that have a valid trial."""
    return [setting for setting in settings if setting.trials]


def ratio(value: Value, ours: Setting, theirs: Setting) -> Estimate | None:
    """Return ours ÷ theirs over the repeats that are valid on both sides; None without any."""
    other = {trial.pair: value(trial) for trial in theirs.trials}
    pairs = [(value(trial), other.get(trial.pair)) for trial in ours.trials]
    known = [(mine, yours) for mine, yours in pairs if mine and yours]
    if not known:
        return None
    return paired_ratio([mine for mine, _ in known], [yours for _, yours in known])


def conditions_except(setting: Setting, *free: str) -> Conditions:
    """Return the conditions with some left free: settings that agree in it differ in those only."""
    blank = Conditions()
    return replace(setting.conditions, **{name: getattr(blank, name) for name in free})
