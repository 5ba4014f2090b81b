"""`python -m lab report`: draw what a run found anew."""

import argparse
from pathlib import Path

from lab.cli.arguments import add_folder
from lab.report.files import redraw

DESCRIPTION = "redraw the report of a results folder"
add_options = add_folder


def run(options: argparse.Namespace) -> Path:
    """Redraw what a run found."""
    redraw(options.folder, options.objective_ms)
    return Path(options.folder)
