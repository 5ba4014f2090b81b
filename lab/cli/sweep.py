"""`python -m lab sweep`: how many workers?"""

import argparse
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
from lab.experiments import designs

DESCRIPTION = "measure a grid of workers, threads and users: how many workers do I need?"
AXES = ("workers", "threads", "users")


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    add_targets(part)
    add_hosts(part)
    add_conditions(part, grid={"workers": (1, 2, 4), "threads": (4,), "users": (50, 100, 500)})
    add_run(part, repeats=3)
    add_open(part, designs.OPEN_SHARES)


def run(options: argparse.Namespace) -> Path:
    """Measure targets over a grid of workers, threads and users."""
    axes = {name: getattr(options, name) for name in AXES}
    settings = designs.swept(targets(options), conditions(options), axes)
    return carry_out("sweep", settings, options)
