"""`python -m lab compare`: which implementation?"""

import argparse
from pathlib import Path

from lab.cli.arguments import add_conditions, add_open, add_run, add_targets, conditions, targets
from lab.cli.measuring import carry_out
from lab.experiments import designs

DESCRIPTION = "measure implementations under the same load, in turns: which one is better?"


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    add_targets(part)
    add_conditions(part)
    add_run(part, repeats=3)
    add_open(part, ())


def run(options: argparse.Namespace) -> Path:
    """Measure targets in turns under the same conditions."""
    settings = designs.compared("compare", targets(options), conditions(options))
    return carry_out("compare", settings, options)
