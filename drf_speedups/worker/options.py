"""The worker's own options: attributes of its class, or variables of the environment.

`BUFFERED_LARGEST_BODY=52428800` is `BufferedWorker.LARGEST_BODY`; gunicorn's `--env` sets it, too.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

PREFIX = "BUFFERED_"


def _bytes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 2**50):
        raise ValueError("a number of bytes such as 1048576")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise ValueError("seconds such as 0.5, and 0 for no limit")
    return value


def _paths(text: str) -> frozenset[str]:
    paths = frozenset(path.strip() for path in text.split(",") if path.strip())
    if any(not path.startswith("/") for path in paths):
        raise ValueError("paths such as /livez,/readyz")
    return paths


READERS: Mapping[str, Callable[[str], Any]] = {
    "LARGEST_BODY": _bytes,
    "MOST_HELD": _bytes,
    "MOST_SPOOLED": _bytes,
    "LEAST_RATE": _bytes,
    "LONGEST_WAIT": _seconds,
    "LONG_ANSWER": _seconds,
    "NEVER_REFUSED": _paths,
}


def from_environment() -> dict[str, Any]:
    """Return the options that are set. Raises `ValueError`, which names the wrong one."""
    found = {}
    for name, read in READERS.items():
        text = os.environ.get(PREFIX + name, "")
        if not text:
            continue
        try:
            found[name] = read(text)
        except ValueError as error:
            raise ValueError(f"{PREFIX}{name} is {text!r}, allowed are {error}") from None
    return found
