"""Where the CPU went, and what each process of the server takes of the memory."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from lab.analysis.formatting import counted, number
from lab.analysis.models.network import server_cores
from lab.analysis.settings import Setting, closed
from lab.analysis.statistics import median
from lab.records.trial import Trial
from lab.report.blocks import Chart
from lab.report.charts.drawing import INK, MUTED, PAPER, SERIES, draw
from lab.report.charts.series import MIB, evenly_chosen, name_rows, row_places, told_apart

PARTIES = {
    "server": "server",
    "database": "database",
    "generator": "load generator",
    "relay": "relay",
    "lab": "the lab",
    "others": "other programs",
    "steal": "hypervisor",
}
MOST_ROWS = 12
ROW = 0.36  # inches of height


def resources(settings: Sequence[Setting]) -> list[Chart]:
    """Draw CPU and memory of the settings, of many the heaviest loads only."""
    chosen = told_apart(_heaviest(settings))
    return [_cpu(chosen), *_memory(chosen)]


def _heaviest(settings: Sequence[Setting]) -> list[Setting]:
    """Return at most `MOST_ROWS` closed settings: evenly chosen among those of the most users."""
    shown = closed(settings) or list(settings)
    if len(shown) > MOST_ROWS:
        most = max(setting.conditions.users for setting in shown)
        shown = [setting for setting in shown if setting.conditions.users == most]
    return evenly_chosen(shown, MOST_ROWS)


def _cpu(settings: Mapping[str, Setting]) -> Chart:
    parties = [p for p in PARTIES if any(p in t.usage for c in settings.values() for t in c.shown)]
    used = {p: [_used(setting, p) for setting in settings.values()] for p in parties}
    cores = max(t.machine["cores"] for setting in settings.values() for t in setting.shown)

    def paint(axes: Axes) -> None:
        left = np.zeros(len(settings))
        for party, colour in zip(parties, SERIES, strict=False):
            axes.barh(
                row_places(len(settings)), used[party], left=left, height=0.62, color=colour,
                edgecolor=PAPER, label=PARTIES[party],
            )  # fmt: skip
            left += np.array(used[party])
        _limits(axes, settings, lambda t: server_cores(t) if "server" in t.usage else None)
        axes.axvline(cores, color=INK, linewidth=1, linestyle=":")
        axes.set_xlim(0, cores * 1.02)
        _named_rows(axes, settings)
        axes.set_xlabel(f"cores in use, of {cores}; tick: what the server may use")

    said = "; ".join(
        f"{name}: "
        + ", ".join(f"{PARTIES[p]} {used[p][at]:.2f}" for p in parties if used[p][at] >= 0.01)
        for at, name in enumerate(settings)
    )
    return draw(
        "cpu", "Where the CPU went", f"Cores in use. {said}.", paint,
        note=f"CPU seconds per second of the window; {_median(settings)}",
        height=_height(settings, 1.8),
    )  # fmt: skip


def _used(setting: Setting, party: str) -> float:
    return median([trial.cores_used(party) for trial in setting.shown])


def _limits(
    axes: Axes, settings: Mapping[str, Setting], limit: Callable[[Trial], float | None]
) -> None:
    """Mark what each setting may use."""
    for place, setting in zip(row_places(len(settings)), settings.values(), strict=True):
        if (most := limit(setting.shown[0])) is not None:
            axes.plot((most, most), (place - 0.42, place + 0.42), color=INK, linewidth=1.6)


def _named_rows(axes: Axes, settings: Mapping[str, Setting]) -> None:
    name_rows(axes, [_folded(name) for name in settings])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _folded(name: str, letters: int = 24) -> str:
    """Break a long name in two, after a comma."""
    head, comma, tail = name.partition(", ")
    return f"{head},\n{tail}" if comma and len(name) > letters else name


def _height(settings: Mapping[str, Setting], around: float) -> float:
    lines = sum(1 + _folded(name).count("\n") * 0.4 for name in settings)
    return around + ROW * lines


def _median(settings: Mapping[str, Setting]) -> str:
    most = max(len(setting.shown) for setting in settings.values())
    return f"median of {counted(most, 'trial')}" if most > 1 else "one trial each"


def _memory(settings: Mapping[str, Setting]) -> list[Chart]:
    """Draw the server's processes at the moment of its peak; nothing where none was read."""
    sizes = {name: _sizes(setting.shown[0]) for name, setting in settings.items()}
    known = {name: setting for name, setting in settings.items() if sizes[name]}
    if not known:
        return []

    def paint(axes: Axes) -> None:
        for place, name in zip(row_places(len(known)), known, strict=True):
            left = 0.0
            for index, size in enumerate(sizes[name]):
                axes.barh(
                    place, size, left=left, height=0.62, color=SERIES[0],
                    alpha=0.85 if index % 2 else 0.55,
                )  # fmt: skip
                left += size
            axes.annotate(
                f"{left:.0f} MiB", (left, place), (4, 0), textcoords="offset points", va="center",
                color=MUTED, fontsize=10,
            )  # fmt: skip
        axes.margins(x=0.15)
        _named_rows(axes, known)
        _limits(axes, known, lambda t: t.conditions.memory and t.conditions.memory / MIB)
        axes.set_xlabel("MiB of memory; tick: the cap")

    said = "; ".join(
        f"{name}: {number(sum(sizes[name]))} MiB in {counted(len(sizes[name]), 'process')}"
        for name in known
    ).replace("processs", "processes")
    note = (
        "each part is a process, at the peak of the first trial; PSS: shared pages are shared out"
    )
    return [draw("memory", "Memory per worker", f"{said}.", paint, note=note,
                 height=_height(known, 1.0))]  # fmt: skip


def _sizes(trial: Trial) -> list[float]:
    """Return the memory (MiB) of each server process when all together took the most."""
    by_moment: dict[float, list[float]] = {}
    for process in trial.processes:
        if process.party == "server":
            for at, size in zip(process.at, process.pss, strict=True):
                if size is not None and at <= trial.seconds:
                    by_moment.setdefault(at, []).append(size / MIB)
    return max(by_moment.values(), key=sum, default=[])
