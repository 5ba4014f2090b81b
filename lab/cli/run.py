"""`python -m lab run`: one implementation by itself, or the four figures of the article."""

import argparse
from pathlib import Path

from lab.cli.arguments import add_conditions, add_run, conditions
from lab.cli.measuring import carry_out
from lab.errors import LabError
from lab.experiments import designs
from lab.running.hosts import inventory

DESCRIPTION = "measure one implementation, or the four figures of the article"
ARTICLE = "article"


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    names = "a target, or `article` and perhaps targets (django)"
    part.add_argument("target", nargs="*", help=names)
    part.add_argument(
        "--hosts", type=Path, metavar="FILE", help="hosts that serve and load: docs/hosts.md"
    )
    add_conditions(part)
    add_run(part, repeats=1)


def run(options: argparse.Namespace) -> Path:
    """Measure each target alone, or the article's figures."""
    names = options.target
    if options.hosts:
        if names:
            raise LabError("--hosts already names the URL: leave out the target")
        names = [inventory.read(options.hosts).url]
    if not names:
        raise LabError("name what to measure: a target, an http:// address, or --hosts FILE")
    first, *rest = names
    if first == ARTICLE:
        settings = designs.article(rest or [designs.CLIMBED], conditions(options))
        return carry_out(ARTICLE, settings, options)
    return carry_out("run", designs.compared("run", names, conditions(options)), options)
