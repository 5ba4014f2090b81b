"""`python -m lab ladder`: what does each speed-up buy?"""

import argparse
from dataclasses import replace
from pathlib import Path

from lab.cli.arguments import DEFAULTS, add_conditions, add_run, conditions
from lab.cli.measuring import carry_out
from lab.experiments import designs

DESCRIPTION = "measure stock DRF, then our service with one more speed-up at a time"


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    # Users who pause: the rungs differ by twenty times, and the fastest would fill the generator.
    paced = replace(DEFAULTS, workers=1, threads=16, users=64, think_time=0.08)
    add_conditions(part, defaults=paced)
    add_run(part, repeats=5)
    part.set_defaults(command=None, load="", pid=None)


def run(options: argparse.Namespace) -> Path:
    """Measure our service with one speed-up more at each rung."""
    return carry_out("ladder", designs.ladder(conditions(options)), options)
