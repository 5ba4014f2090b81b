"""The files that are drawn from the records of a results folder, each whole or not there."""

import json
from pathlib import Path

from lab.analysis.analyse import Analysis, analyse
from lab.errors import LabError
from lab.records import jsonlines
from lab.report import summary
from lab.report.blocks import markdown
from lab.report.contents import report
from lab.report.page.render import page

PAGE, TEXT, SUMMARY = "report.html", "report.md", "summary.json"


def redraw(folder: Path, objective_ms: float | None = None) -> Analysis:
    """Write page, text and summary from the records alone; return what they say.

    Raises `LabError` without a completed trial, OSError when the files cannot be written.
    """
    from lab.report.charts.all import charts  # matplotlib is a third of a start

    found = analysed(folder, objective_ms)
    said = json.dumps(summary.document(found), indent=1, ensure_ascii=False)
    write(folder / SUMMARY, said + "\n")
    write(folder / TEXT, markdown(report(found)))
    write(folder / PAGE, page(report(found, charts(found))))
    return found


def analysed(folder: Path, objective_ms: float | None = None) -> Analysis:
    """Return what the records of a folder say, without another objective by their own.

    Raises `LabError` without a completed trial.
    """
    trials = jsonlines.completed(folder)
    if not trials:
        raise LabError(f"there is no completed trial in {folder} to report on")
    return analyse(trials, objective_ms or trials[0].objective_ms)


def write(path: Path, text: str) -> None:
    """Write a file that is whole at every moment. Raises OSError."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
