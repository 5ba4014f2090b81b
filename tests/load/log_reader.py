"""Reads a request log as its format says."""

import csv
from collections.abc import Iterator
from pathlib import Path


def read_log(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        assert next(file) == "#request-log 2\n"
        yield from csv.DictReader(file)
