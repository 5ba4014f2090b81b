"""Sweeps over workers: settings that differ in nothing else, and the law they follow."""

from collections.abc import Sequence

from lab.analysis.comparison import PACED
from lab.analysis.formatting import estimated, percent
from lab.analysis.models.scaling import Scaling, usl
from lab.analysis.settings import Setting, closed, conditions_except, throughput, valid
from lab.errors import CannotTellError


def grids(settings: Sequence[Setting]) -> list[list[Setting]]:
    """Return valid closed settings that differ in workers and threads, the smallest first."""
    found: dict[object, list[Setting]] = {}
    for setting in valid(closed(settings)):
        found.setdefault(conditions_except(setting, "workers", "threads"), []).append(setting)
    return [sorted(grid, key=size) for grid in found.values()]


def size(setting: Setting) -> tuple[int, int]:
    """Return workers and threads: a worker costs memory and connections, a thread connections."""
    return setting.conditions.workers, setting.conditions.threads


def scaling(row: Sequence[Setting]) -> Scaling:
    """Fit the scalability law to settings that differ in workers only. Raises `CannotTellError`."""
    fastest = max(row, key=lambda setting: setting.median(throughput) or 0.0)
    latency = fastest.median(lambda trial: trial.total.mean_ms / 1000) or 0.0
    if latency < PACED * fastest.conditions.think_time:
        raise CannotTellError("the users' think time, not the workers, sets the pace")
    trials = [trial for setting in row for trial in setting.trials]
    return usl([t.conditions.workers for t in trials], [t.throughput for t in trials])


def scaling_in_words(row: Sequence[Setting]) -> str:
    """Say how throughput scales over workers."""
    try:
        law = scaling(row)
    except CannotTellError as why:
        return f"I cannot tell how throughput scales with workers, because {why}"
    peak = f"the peak is at {law.peak:.1f} workers" if law.peak else "no peak was reached"
    return (
        f"Universal Scalability Law: contention {estimated(law.contention)}, coherency "
        f"{estimated(law.coherency)}; {peak}; it leaves the measurements by up to "
        f"{percent(law.worst_miss)}; do not extrapolate beyond {law.most} workers"
    )
