"""Two results side by side: for a person, for a program, and as JUnit for a CI."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lab.analysis.baseline import Change, Compared, Differences
from lab.analysis.formatting import counted, number, percent
from lab.report.blocks import Block, Bullets, Heading, Table

ORDER = (Change.INVALID, Change.WORSE, Change.BETTER, Change.UNKNOWN, Change.EVEN)


def blocks(found: Differences, before: str, now: str) -> list[Block]:
    """Return what changed, in words and as a table, worst first."""
    counts = ", ".join(f"{len(found.those(change))} {change}" for change in ORDER)
    rows = [_row(one) for change in ORDER for one in found.those(change)]
    header = ("", "figure", "before", "now", "change", "verdict")
    note = "Change: now ÷ before - 1, with an interval that holds for all figures together (95 %)."
    said = found.circumstances or ("nothing that was recorded differs",)
    return [
        Heading(f"{now} against {before}", level=1),
        Bullets([f"{counted(len(found.compared), 'figure')}: {counts}", *_sentences(found)]),
        Table(header, rows, note),
        Heading("What else differs"),
        Bullets(said),
    ]


def _sentences(found: Differences) -> list[str]:
    said = [sentence(one) for one in found.failed]
    if wide := len(found.too_wide):
        said.append(
            f"{wide} of those that are {Change.EVEN} could not show a doubling: their repeats are "
            "too few or differ too much (--repeats 5, longer windows)"
        )
    return said


def sentence(one: Compared) -> str:
    """Say what became of a figure."""
    if one.why:
        return f"{one.setting}: {one.figure}: {one.change}: {one.why}"
    return (
        f"{one.setting}: {one.figure} is {one.change}: {_known(one.before)} {one.unit} before, "
        f"{_known(one.now)} now ({_span(one)})"
    )


def _row(one: Compared) -> Sequence[str]:
    verdict = one.why or str(one.change)
    return (one.setting, f"{one.figure}, {one.unit}", _known(one.before), _known(one.now),
            _span(one), verdict)  # fmt: skip


def _known(value: float | None) -> str:
    return "-" if value is None else number(value)


def _span(one: Compared) -> str:
    if one.ratio is None or one.interval is None:
        return "-"
    low, high = one.interval.low - 1, one.interval.high - 1
    return f"{percent(one.ratio - 1)} ({percent(low)} to {percent(high)})"


def document(found: Differences) -> dict[str, Any]:
    """Return all of it, ready for JSON."""
    return {
        "version": 1,
        "figures": [asdict(one) for one in found.compared],
        "circumstances": list(found.circumstances),
    }


def write_junit(found: Differences, path: Path) -> None:
    """Write a JUnit file: what is worse failed, what cannot be told was skipped. Raises OSError."""
    suite = ElementTree.Element("testsuite", name="lab compare")
    counts = {"tests": found.compared, "failures": found.failed,
              "skipped": found.those(Change.UNKNOWN)}  # fmt: skip
    for name, those in counts.items():
        suite.set(name, str(len(those)))
    for one in found.compared:
        case = ElementTree.SubElement(suite, "testcase", classname=one.setting, name=one.figure)
        if one in found.failed:
            ElementTree.SubElement(case, "failure", message=sentence(one))
        elif one.change is Change.UNKNOWN:
            ElementTree.SubElement(case, "skipped", message=one.why)
        else:
            ElementTree.SubElement(case, "system-out").text = sentence(one)
    path.write_bytes(ElementTree.tostring(suite, "utf-8", xml_declaration=True) + b"\n")
