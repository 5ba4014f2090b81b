"""What requests, workers and starts cost: each part prints a table and writes it to a folder."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from lab.errors import LabError
from lab.report.blocks import Block, Code, Heading, markdown
from tests.costs import connections, instructions, limit, lists, memory, overlap, rows, start
from tests.costs.stage import Found, Stage, circumstances, staged

PARTS: Mapping[str, Callable[[Stage], Found]] = {
    "rows": rows.measured,  # about four minutes, half of them to seed ten million
    "memory": memory.measured,
    "start": start.measured,
    "connections": connections.measured,
    "pgbench": limit.measured,
    "instructions": instructions.measured,
    "pieces": instructions.pieces,
    "lists": lists.measured,
    "overlap": overlap.measured,  # about ten minutes
}
PACKAGES = ("django", "djangorestframework", "gunicorn", "psycopg", "fastapi", "uvicorn",
            "uvloop", "sqlalchemy", "asyncpg")  # fmt: skip
WRONG, INTERRUPTED = 2, 130


def main(arguments: list[str]) -> int:
    """Measure the chosen parts; return 0, 2 for what the caller can mend, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.costs", description=__doc__)
    parser.add_argument("parts", nargs="+", metavar="PART", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--into", type=Path, default=Path("results/costs"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}; known are {', '.join(PARTS)}")
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        options.into.mkdir(parents=True, exist_ok=True)
        for part in options.parts:
            measure(part, options.into)
    except LabError as error:
        return _complain(str(error), WRONG)
    except OSError as error:
        return _complain(f"{error.strerror}: {error.filename or 'a file'}", WRONG)
    except KeyboardInterrupt:
        return _complain("stopped, and so is everything it started", INTERRUPTED)
    return 0


def measure(part: str, folder: Path) -> None:
    """Measure one part, print what was found and write it whole or not at all."""
    with staged() as stage:
        found = PARTS[part](stage)
        blocks: list[Block] = [
            Heading(found.title, level=1),
            *found.tables,
            circumstances(found, stage, PACKAGES),
            Code([f"python -m tests.costs {part}"]),
        ]
    text = markdown(blocks)
    print(text, flush=True)  # noqa: T201
    unfinished = folder / f"{part}.md.unfinished"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / f"{part}.md")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # SIGTERM and a closed terminal take the way of Ctrl-C


def _complain(what: str, code: int) -> int:
    print(f"costs: {what}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
