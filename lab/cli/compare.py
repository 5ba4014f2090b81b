"""`python -m lab compare`: which implementation? Or, of two results: what has changed?"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from lab.analysis.baseline import TOLERANCE, Change, Differences, differences
from lab.cli.arguments import (
    add_conditions,
    add_open,
    add_run,
    add_targets,
    amount,
    conditions,
    targets,
)
from lab.cli.measuring import carry_out
from lab.errors import FailedError, LabError
from lab.experiments import designs
from lab.experiments.targets import TARGETS
from lab.report import baseline
from lab.report.blocks import say
from lab.report.files import analysed

MACHINE = ("cpu:", "cores:", "quota:", "memory:")  # circumstances that make other figures
DESCRIPTION = (
    "measure implementations under the same load, in turns: which one is better? Or compare two "
    "results folders, the earlier one first: what is better, worse, or not distinguishable?"
)


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    add_targets(part)
    add_conditions(part)
    add_run(part, repeats=3)
    add_open(part, ())
    group = part.add_argument_group("two results", "python -m lab compare results/old results/new")
    group.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit file for a CI")
    group.add_argument(
        "--tolerance", type=amount, default=100 * TOLERANCE, metavar="PERCENT",
        help=f"changes that are no larger are none (default {100 * TOLERANCE:g})",
    )  # fmt: skip


def run(options: argparse.Namespace) -> Path | None:
    """Measure targets in turns under the same conditions, or compare two results."""
    folders = [Path(name) for name in options.target if name not in TARGETS and Path(name).is_dir()]
    if folders:
        _results(folders, options)
        return None
    if options.junit:
        raise LabError("--junit is for two results folders: lab compare results/old results/new")
    settings = designs.compared("compare", targets(options), conditions(options))
    return carry_out("compare", settings, options)


def _results(folders: Sequence[Path], options: argparse.Namespace) -> None:
    """Say what changed between two results. Raises `FailedError` when something is worse."""
    if len(folders) != 2 or len(options.target) != 2:
        raise LabError("give two results folders, the earlier one first, and no target beside them")
    old, new = (analysed(folder).settings for folder in folders)
    found = differences(old, new, options.tolerance / 100)
    if options.junit:
        baseline.write_junit(found, options.junit)
    if options.json:
        print(json.dumps(baseline.document(found), indent=1, ensure_ascii=False))  # noqa: T201
    else:
        say(baseline.blocks(found, *(folder.name for folder in folders)))
    _judge(found)


def _judge(found: Differences) -> None:
    if found.failed:
        other = [said for said in found.circumstances if said.startswith(MACHINE)]
        raise FailedError(
            f"{len(found.failed)} of {len(found.compared)} figures are worse or no longer valid"
            + "".join(f" (on another machine: {said})" for said in other[:1])
        )
    unknown = found.those(Change.UNKNOWN)
    if len(unknown) == len(found.compared):
        raise LabError(f"nothing can be told: {unknown[0].why}")
