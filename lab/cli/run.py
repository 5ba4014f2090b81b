"""`python -m lab run`: one implementation by itself, or the four figures of the article."""

import argparse
from pathlib import Path

from lab.cli.arguments import add_conditions, add_hosts, add_run, add_service, conditions, targets
from lab.cli.measuring import carry_out
from lab.experiments import designs

DESCRIPTION = "measure one implementation, or the four figures of the article"
ARTICLE = "article"


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    names = "a target, a URL or a .toml file, or `article` and perhaps such (django)"
    part.add_argument("target", nargs="*", help=names)
    add_hosts(part)
    add_service(part)
    add_conditions(part)
    add_run(part, repeats=1)


def run(options: argparse.Namespace) -> Path:
    """Measure each target alone, or the article's figures."""
    first, *rest = names = targets(options)
    if first == ARTICLE:
        settings = designs.article(rest or [designs.CLIMBED], conditions(options))
        return carry_out(ARTICLE, settings, options)
    return carry_out("run", designs.compared("run", names, conditions(options)), options)
