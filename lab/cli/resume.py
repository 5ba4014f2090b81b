"""`python -m lab resume`: go on with a run that was stopped."""

import argparse
from dataclasses import replace
from pathlib import Path

from lab.cli.arguments import add_folder, add_live
from lab.cli.measuring import measure
from lab.experiments import plan
from lab.running.machine import require_linux

DESCRIPTION = "continue a run that was stopped"


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    add_folder(part)
    add_live(part)
    part.add_argument("--pid", type=int, help="main process of the http:// target, started anew")


def run(options: argparse.Namespace) -> Path:
    """Go on with a run that was stopped."""
    require_linux()
    if options.pid:
        plan.write(options.folder, replace(plan.read(options.folder), url_pid=options.pid))
    return measure(options.folder, live=options.live)
