"""What documents claim is so: figures stand in committed reports, rooms and names are there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from drf_speedups import __version__
from drf_speedups.eligibility.reasons import PIECES
from drf_speedups.worker.options import PREFIX, READERS
from lab.cli.main import parser
from lab.experiments import services
from lab.running.hosts import inventory
from tests.test_layout import LAB, ROOT, SPEEDUPS, documents

NUMBER = r"(-?\d[\d,]*(?:\.\d+)?)(?: %| ms| times| MB)?"
RANGED = re.compile(rf"{NUMBER} \({NUMBER} to {NUMBER}\)")  # 0.18 (0.16 to 0.21)
COMPUTED = {"planning.md", "measuring.md"}  # their commands stand beside the figures
ADR_LIMIT = 1000  # characters
LAB_COMMAND = re.compile(r"(?:^|`)(?:\.venv/bin/)?python -m lab ([^\n`#]*)", re.MULTILINE)
MENTIONED = re.compile("are required|expected one argument")  # a part of a command is none
FILE = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def value(text: str) -> float:
    return float(text.replace(",", ""))


def measured() -> Iterator[tuple[float, ...]]:
    """Yield the figures of all reports: as they are, in µs, the other way round, as a gain."""
    for report in (ROOT / "results").rglob("*.md"):
        for found in RANGED.findall(report.read_text()):
            middle, low, high = map(value, found)
            yield middle, low, high
            yield 1000 * middle, 1000 * low, 1000 * high
            if low > 0:
                yield 1 / middle, 1 / high, 1 / low


def is_rounded(said: str, found: float) -> bool:
    """Tell whether a figure is another one with as many decimals as are said."""
    decimals = len(said.partition(".")[2])
    return abs(value(said) - found) <= 0.51 / 10.0**decimals


def test_each_figure_with_a_range_stands_in_a_committed_report():
    known = [*measured()]
    assert known
    unknown = [
        f"{page.name}: {' '.join(figure)}"
        for page in documents()
        if page.name not in COMPUTED
        for figure in RANGED.findall(page.read_text())
        if not any(all(map(is_rounded, figure, one)) for one in known)
    ]
    assert not unknown


def test_the_readme_quotes_the_lab_as_its_report_has_it():
    (quoted,) = re.findall(r"The lab's words: \*(.*?)\*", (ROOT / "README.md").read_text(), re.S)
    report = (ROOT / "results" / "sweep-workers" / "report.md").read_text().lower()
    for said in re.split(r"(?<=[a-z)])[.;:] ?", " ".join(quoted.lower().split())):
        assert said in report


@pytest.mark.parametrize(("page", "rooms"), [
    ("CONTRIBUTING.md", LAB), ("CONTRIBUTING.md", SPEEDUPS), ("README.md", LAB),
])  # fmt: skip
def test_every_room_is_named(page, rooms):
    named = set(re.findall(r"`([a-z_]+)`", (ROOT / page).read_text()))
    files = {room for room in rooms if (ROOT / "drf_speedups" / f"{room}.py").exists()}
    assert rooms.keys() - files <= named


def test_what_contributing_calls_by_its_name_is_defined_in_a_file_of_the_same_row():
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line[:1] == "|"]
    for row in rows:
        places = [ROOT / path for path in re.findall(r"`(\w+/[\w/.]+)`", row)]
        paths = [path for one in places for path in ([one] if one.is_file() else one.glob("*.py"))]
        code = "\n".join(path.read_text() for path in paths if path.suffix == ".py")
        for name in re.findall(r"`([A-Z][A-Z_]+)`", row) if code else ():
            assert re.search(rf"^{name}\b.* = ", code, re.MULTILINE), row


def test_decisions_are_short():
    sizes = {path.name: len(path.read_text()) for path in Path(ROOT, "docs", "adr").glob("*.md")}
    assert {name: size for name, size in sizes.items() if size >= ADR_LIMIT} == {}


def test_each_command_of_the_lab_in_a_document_can_be_typed(capsys):
    said = ("\n".join(page.read_text() for page in documents())).replace("\\\n", " ")
    commands = {" ".join(one.split()) for one in LAB_COMMAND.findall(said) if "…" not in one}
    assert len(commands) > 20
    for command in commands:
        try:
            parser().parse_args(shlex.split(command))
        except SystemExit:
            assert MENTIONED.search(capsys.readouterr().err), command


def test_each_file_for_the_lab_in_a_document_can_be_read(tmp_path):
    files = [text for page in documents() for text in FILE.findall(page.read_text())]
    assert files
    for text in files:
        path = tmp_path / "shown.toml"
        path.write_text(text)
        (inventory if "[[host]]" in text else services).read(path)


def test_the_worker_s_options_and_the_service_s_pieces_are_all_explained():
    options = re.findall(rf"^\| `{PREFIX}(\w+)`", (ROOT / "docs" / "worker.md").read_text(), re.M)
    assert set(options) == set(READERS)
    (row,) = re.findall(r"^\| `SPEEDUPS` .*", (ROOT / "docs" / "settings.md").read_text(), re.M)
    elsewhere = {"queries", "representation", "urls"}  # by the entry in INSTALLED_APPS
    assert set(re.findall(r"`([a-z]+)`", row)) == {*PIECES, "none"} - elsewhere


def test_the_wheel_that_documents_install_is_the_one_that_is_built():
    said = "".join(page.read_text() for page in documents())
    assert set(re.findall(r"drf_speedups-([\d.]+)-py3", said)) == {__version__}
