"""The parts a report is made of, and how they look in Markdown and on a terminal.

How they look in a browser is in `lab/report/page`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from lab.analysis.answers import Answer


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the report's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Bullets:
    """Sentences, each on its own."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Cells of text; the first column names what the others are about."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Code:
    """Lines to type."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Answers:
    """A question and what the records answer to it, one answer per implementation or pair."""

    question: str
    answers: Sequence[Answer]


@dataclass(frozen=True)
class Chart:
    """A drawing and its words: `alt` is for those who do not see it, `note` says of how many."""

    name: str
    title: str
    note: str
    alt: str
    svg: str


@dataclass(frozen=True)
class Charts:
    """Drawings beside one another; only a page shows them, the others say what they show."""

    charts: Sequence[Chart]


@dataclass(frozen=True)
class Headline:
    """A figure that is read first, and whether it can be believed."""

    about: str
    figure: str
    verdict: str  # valid, suspect or invalid
    text: str

    @property
    def sentence(self) -> str:
        """All of it on a line."""
        return f"{self.about}: {self.figure} ({self.verdict}); {self.text}"


@dataclass(frozen=True)
class Headlines:
    """The first screen: a figure for each implementation, and the chart that answers most."""

    headlines: Sequence[Headline]
    chart: Chart | None = None


Block = Heading | Bullets | Table | Code | Answers | Charts | Headlines


def markdown(blocks: Iterable[Block]) -> str:
    """Return a whole Markdown document."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {block.text}"
        case Bullets():
            return "\n".join(f"- {item}" for item in block.items)
        case Code():
            return "\n".join(("```", *block.lines, "```"))
        case Table():
            ruler = ["---", *["---:"] * (len(block.header) - 1)]
            lines = [_row(cells) for cells in (block.header, ruler, *block.rows)]
            return "\n".join(lines) + (f"\n\n{block.note}" if block.note else "")
        case Answers():
            lines = [line for answer in block.answers for line in _answer(answer)]
            return "\n".join((f"## {block.question}", "", *lines))
        case Headlines():
            return "\n".join(f"- **{one.sentence}**" for one in block.headlines)
        case Charts():
            return "\n".join(f"- {chart.title}: {chart.alt}" for chart in block.charts)


def _answer(answer: Answer) -> list[str]:
    return [
        f"- **{answer.about}**: {answer.text}",
        *(f"  - {line}" for line in answer.evidence),
    ]


def _row(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def say(blocks: Sequence[Block]) -> None:
    """Print blocks: drawn on a terminal, as Markdown into anything else."""
    console = Console(highlight=False)
    if console.is_terminal:
        show(blocks, console)
    else:  # no terminal width to wrap tables to
        print(markdown(blocks))  # noqa: T201


def show(blocks: Iterable[Block], console: Console) -> None:
    """Print blocks as tables and lines."""
    for block in blocks:
        console.print(_rich(block))


def _rich(block: Block) -> RenderableType:
    match block:
        case Heading():
            return Text(f"\n{block.text}", style="bold")
        case Bullets():
            return "\n".join(f"• {escape(item)}" for item in block.items)
        case Code():
            return Padding(Text("\n".join(block.lines)), (0, 2))
        case Table():
            return _rich_table(block)
        case Answers():
            said = [f"• [bold]{escape(a.about)}[/]: {escape(a.text)}" for a in block.answers]
            return "\n".join((f"\n[bold]{escape(block.question)}[/]", *said))
        case Headlines():
            return "\n".join(f"[bold]• {escape(one.sentence)}[/]" for one in block.headlines)
        case Charts():
            return "\n".join(escape(f"• {chart.title}: {chart.alt}") for chart in block.charts)


def _rich_table(block: Table) -> RichTable:
    table = RichTable(caption=escape(block.note) or None, caption_justify="left")
    for index, name in enumerate(block.header):
        table.add_column(escape(name), justify="right" if index else "left")
    for row in block.rows:
        table.add_row(*map(escape, row))
    return table
