"""A results folder: the plan, the records, the logs and what is drawn from them."""

import datetime
from collections.abc import Iterator
from pathlib import Path

from lab.analysis.analyse import Analysis
from lab.analysis.verdicts import Level
from lab.analysis.workers import Aim
from lab.errors import LabError
from lab.experiments import plan
from lab.experiments.plan import Plan
from lab.records import jsonlines
from lab.report.files import redraw


def new_folder(results: Path, wanted: Plan) -> Path:
    """Make a folder for a plan and write the plan into it. Raises `LabError`."""
    now = datetime.datetime.now(datetime.UTC)
    folder = results / f"{now:%Y%m%d-%H%M%S}-{wanted.kind}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise LabError(f"cannot write results to {folder}: {error.strerror}") from error
    plan.write(folder, wanted)
    return folder


def write_report(folder: Path, objective_ms: float | None = None) -> None:
    """Redraw a folder's report from its records; without records there is none."""
    if (folder / jsonlines.FILE).exists():
        redraw(folder, objective_ms)


def failed(found: Analysis, objective_ms: float | None) -> Iterator[str]:
    """Say what makes a run fail: trials that are invalid, and an objective that is never met."""
    for number, verdict in sorted(found.verdicts.items()):
        if verdict.level is Level.INVALID:
            yield f"trial {number} is invalid: {verdict.reasons[0].text}"
    aim = Aim(objective_ms, found.noise_floor)
    met = {cell.label for cell in found.cells if cell.trials and aim.holds(cell)}
    for label in dict.fromkeys(cell.label for cell in found.cells if cell.trials):
        if label not in met:
            yield f"{label} never had p95 below {objective_ms:g} ms"
