"""From blocks to the page: the template says what is where, the style sheet how it looks."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lab.report.blocks import Block, Heading, Table

HERE = Path(__file__).parent
FIGURE = re.compile(r"[-+]?[\d,.]+(?: %)?(?: \(.*| of [\d,]+)?$")
NO_FIGURE = ("", "-", "not measured")


def page(blocks: Sequence[Block], refresh: int | None = None) -> str:
    """Return the whole HTML document; its first block is the title.

    A browser loads it anew each `refresh` seconds.
    """
    template = _environment().get_template("page.html")
    named = [(type(block).__name__, block) for block in blocks]
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return template.render(parts=named, style=style, script=script, refresh=refresh)


def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters.update(
        slug=slug, code=code, kind=kind, parts=parts, column=column, digest=digest
    )  # fmt: skip
    found.tests["title"] = lambda block: isinstance(block, Heading) and block.level == 1
    return found


def slug(text: str) -> str:
    """Return the name of a place on the page."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def digest(text: str) -> str:
    """Return by what a browser knows the page's own script: no other one runs."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def code(text: str) -> list[tuple[bool, str]]:
    """Split a sentence at its backticks: (is code, words)."""
    return [(bool(place % 2), part) for place, part in enumerate(text.split("`")) if part]


def column(table: Table, place: int) -> str:
    """Return how a column is set: as its first cell is."""
    return kind(table.rows[0][place]) if table.rows else "words"


def parts(cell: str) -> tuple[str, str, str]:
    """Split a figure from its spread."""
    return cell.partition(" (") if FIGURE.match(cell) else (cell, "", "")


def kind(cell: str) -> str:
    """Return how a cell is set: figures to the right, verdicts as such, words to the left."""
    if cell in ("valid", "suspect", "invalid"):
        return f"verdict {cell}"
    return "figure" if FIGURE.match(cell) or cell in NO_FIGURE else "words"
