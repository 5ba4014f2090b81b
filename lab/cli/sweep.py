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
    service,
    targets,
)
from lab.cli.measuring import carry_out
from lab.errors import LabError
from lab.experiments import designs
from lab.experiments.targets import is_url, named, variant
from lab.running.hosts import inventory

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
    settings = designs.swept(names, conditions(options), axes(options, names))
    return carry_out("sweep", settings, options)


def axes(options: argparse.Namespace, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the grid; what is not told how many workers has those it has. Raises `LabError`."""
    grid = {name: getattr(options, name) for name in GRID}
    urls = [] if options.hosts else [*filter(is_url, names)]
    for name in TOLD:
        if grid[name] is GRID[name] and (urls or not _tells(options, names, name)):
            grid[name] = grid[name][:1]
        elif urls and len(grid[name]) > 1:
            raise LabError(
                f"{urls[0]} is already running, and the lab cannot change its {name}: leave out "
                f"--{name}, or let the lab start the service (--command)"
            )
    return grid


def _tells(options: argparse.Namespace, names: Sequence[str], name: str) -> bool:
    """Whether all that is started is told how many workers, or threads, it is to have."""
    if options.hosts:
        return inventory.read(options.hosts).uses(name)
    found = [named(variant(one)[0], by_command=service(options)).service for one in names]
    return all(one.uses(name) for one in found if one)
