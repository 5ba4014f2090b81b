"""`python -m lab resume`: go on with a run that was stopped."""

import argparse
from pathlib import Path

from lab.cli.arguments import add_folder
from lab.cli.measuring import measure
from lab.running.machine import require_linux

DESCRIPTION = "continue a run that was stopped"
add_options = add_folder


def run(options: argparse.Namespace) -> Path:
    """Go on with a run that was stopped."""
    require_linux()
    return measure(options.folder)
