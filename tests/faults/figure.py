"""`python -m tests.faults.figure FILE`: goodput against offered load, with and without shedding."""

import signal
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

from tests.faults.cluster import Cluster, cluster
from tests.faults.overload import DELAY, IN_TIME, Answers, offer, slowed

mpl.use("Agg")
from matplotlib import pyplot as plt

WORKERS = 2
CAPACITY = WORKERS / DELAY  # requests/s, as if nothing but the delay took time
LOADS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)  # times that
SECONDS = 4.0
CURVES = {"refused after 1 s (the default)": "1", "everybody waits (MAX_WAIT_SECONDS=0)": "0"}


def measured(own: Cluster, folder: Path, wait: str) -> list[Answers]:
    """Return what came of each of `LOADS`; each meets a service that has just started."""
    found = []
    for load in LOADS:
        log = folder / f"{wait}-{load}.log"
        with slowed(own, log, MAX_WAIT_SECONDS=wait) as stage:
            found.append(offer(stage, load * CAPACITY, SECONDS))
    return found


def draw(curves: dict[str, list[Answers]], path: Path) -> None:
    """Draw both curves into an SVG file."""
    figure, axes = plt.subplots(figsize=(7.2, 4.2))
    top = max(answers.offered for found in curves.values() for answers in found)
    axes.plot([0, CAPACITY], [0, CAPACITY], color="0.8", linewidth=1)
    for (label, found), colour in zip(curves.items(), ("#1f6f8b", "#c8553d"), strict=True):
        axes.plot(
            [answers.offered for answers in found],
            [answers.goodput for answers in found],
            marker="o", markersize=4, color=colour, label=label,
        )  # fmt: skip
    axes.set_xlabel("offered load, requests/s")
    axes.set_ylabel(f"goodput, answers/s within {IN_TIME:g} s")
    axes.set_xlim(0, top * 1.02)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="center right")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{WORKERS} workers, {DELAY * 1000:.0f} ms of database in each answer, open load",
        fontsize=10, loc="left",
    )  # fmt: skip
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main(path: str) -> None:
    """Measure, draw and print the numbers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves no server behind
    with cluster("figure") as own, tempfile.TemporaryDirectory() as folder:
        curves = {label: measured(own, Path(folder), wait) for label, wait in CURVES.items()}
    draw(curves, Path(path))
    for label, found in curves.items():
        sys.stdout.write(f"{label}\n")
        for answers in found:
            sys.stdout.write(f"  {answers}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
