"""A results folder: the plan, the records, the logs and what is drawn from them."""

import datetime
from pathlib import Path

from lab import plan, records
from lab.errors import LabError
from lab.plan import Plan
from lab.report import markdown, report

REPORT = "report.md"


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


def write_report(folder: Path) -> None:
    """Redraw a folder's report from its records; without records there is none."""
    if not (folder / records.FILE).exists():
        return
    text = markdown(report(records.read(folder / records.FILE)))
    unfinished = folder / f"{REPORT}.unfinished"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / REPORT)
