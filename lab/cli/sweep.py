"""`python -m lab sweep`: how many workers?"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from lab.cli.arguments import (
    add_conditions,
    add_hosts,
    add_open,
    add_run,
    add_targets,
    conditions,
    targets,
)
from lab.cli.measuring import carry_out
from lab.errors import LabError
from lab.experiments import designs
from lab.experiments.targets import is_url

DESCRIPTION = "measure a grid of workers, threads and users: how many workers do I need?"
TOLD = ("workers", "threads")  # to what the lab starts
GRID = {"workers": (1, 2, 4), "threads": (4,), "users": (50, 100, 500)}


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    add_targets(part)
    add_hosts(part)
    add_conditions(part, grid=GRID)
    add_run(part, repeats=3)
    add_open(part, designs.OPEN_SHARES)


def run(options: argparse.Namespace) -> Path:
    """Measure targets over a grid of workers, threads and users."""
    names = targets(options)
    urls = [] if options.hosts else [*filter(is_url, names)]
    settings = designs.swept(names, conditions(options), _axes(options, urls))
    return carry_out("sweep", settings, options)


def _axes(options: argparse.Namespace, urls: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the grid; what runs at an address has the workers it has. Raises `LabError`."""
    axes = {name: getattr(options, name) for name in GRID}
    for name in TOLD if urls else ():
        if axes[name] is GRID[name]:
            axes[name] = axes[name][:1]
        elif len(axes[name]) > 1:
            raise LabError(
                f"{urls[0]} is already running, and the lab cannot change its {name}: leave out "
                f"--{name}, or let the lab start the service (--command)"
            )
    return axes
