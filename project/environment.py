"""Typed readers of the environment: a wrong value stops the start with one line.

Every reader takes the variable's name and returns its value; `NAME_FILE` may name a file that
holds it instead, as secret mounts do. What is wrong ends the process through `refuse`.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

WORDS_FOR_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def refuse(name: str, problem: str) -> NoReturn:
    """End the process with exit code 2 and one line on standard error."""
    print(f"{name} {problem}", file=sys.stderr)  # noqa: T201  (logging is not configured yet)
    raise SystemExit(2)


def text(name: str, default: str = "") -> str:
    """Return the value of `name`, or the contents of the file that `NAME_FILE` names."""
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, default)
    if name in os.environ:
        refuse(name, f"is set twice, by {name} and by {name}_FILE: keep one of them")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        refuse(f"{name}_FILE", f"names {path!r}, which cannot be read: {error}")


def tell(name: str, value: str) -> None:
    """Set what a library reads from the environment."""
    os.environ[name] = value


def flag(name: str, *, default: bool) -> bool:
    """Return a yes or no."""
    value = text(name).lower()
    if not value:
        return default
    if value not in WORDS_FOR_BOOLEANS:
        refuse(name, f"is {value!r}, allowed are {', '.join(WORDS_FOR_BOOLEANS)}")
    return WORDS_FOR_BOOLEANS[value]


def choice(name: str, allowed: Sequence[str], default: str) -> str:
    """Return one of `allowed`."""
    value = text(name) or default
    if value not in allowed:
        refuse(name, f"is {value!r}, allowed are {', '.join(allowed)}")
    return value


def number(name: str, default: int, *, least: int = 0) -> int:
    """Return a whole number that is at least `least`."""
    value = text(name) or str(default)
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        refuse(name, f"is {value!r}, allowed are whole numbers from {least}")
    return int(value)


def port(name: str) -> int | None:
    """Return a port, 0 for any free one; None if nothing is said."""
    value = text(name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit()) or int(value) > 65535:
        refuse(name, f"is {value!r}, allowed are whole numbers from 0 (any free port) to 65535")
    return int(value)


def words(name: str) -> list[str]:
    """Return a list written with commas or blanks between its items."""
    return text(name).replace(",", " ").split()


def subset(name: str, allowed: Sequence[str]) -> frozenset[str]:
    """Return those of `allowed` that are listed: all of them by default, none for `none`."""
    listed = words(name) or list(allowed)
    if listed == ["none"]:
        return frozenset()
    for one in listed:
        if one not in allowed:
            refuse(name, f"lists {one!r}, allowed are none or some of {', '.join(allowed)}")
    return frozenset(listed)
