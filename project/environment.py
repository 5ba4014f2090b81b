"""Typed readers of the environment: a wrong value stops the start with one line.

Every reader takes the variable's name and returns its value; `NAME_FILE` may name a file that
holds it instead, as secret mounts do. What is wrong ends the process through `refuse`.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

# As browsers write it: in small letters, an international name in its ASCII form.
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
COLLECTOR = re.compile(r"https?://[^/\s]+\S*")
MOST_DIGITS = 15  # of a number; `int` refuses a very long one in its own way
WORDS_FOR_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def refuse(name: str, problem: str) -> NoReturn:
    """End the process with exit code 2 and one line on standard error."""
    print(f"{name} {problem}", file=sys.stderr)  # noqa: T201  (logging is not configured yet)
    raise SystemExit(2)


def text(name: str, default: str = "") -> str:
    """Return the value of `name`, or the contents of the file that `NAME_FILE` names."""
    path = os.environ.get(f"{name}_FILE")
    if not path:  # an empty variable is what a template leaves where nothing was filled in
        return os.environ.get(name, "").strip() or default
    if os.environ.get(name):
        refuse(name, f"is set twice, by {name} and by {name}_FILE: keep one of them")
    try:
        return Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        refuse(f"{name}_FILE", f"names {path!r}, which cannot be read: {error}")


def is_named(name: str) -> bool:
    """Tell whether somebody meant to give a value, even if the file for it is still empty."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def tell(name: str, value: str) -> None:
    """Set what a library reads from the environment."""
    os.environ[name] = value


def forget(*names: str) -> None:
    """Unset what libraries and programs would read from the environment."""
    for name in names:
        os.environ.pop(name, None)


def flag(name: str, *, default: bool) -> bool:
    """Return a yes or no."""
    value = text(name).lower()
    if not value:
        return default
    if value not in WORDS_FOR_BOOLEANS:
        refuse(name, f"is {value!r}, allowed are {', '.join(WORDS_FOR_BOOLEANS)}")
    return WORDS_FOR_BOOLEANS[value]


def choice(name: str, allowed: Sequence[str], default: str) -> str:
    """Return one of `allowed`, whatever its case."""
    value = text(name) or default
    for one in allowed:
        if one.lower() == value.lower():
            return one
    refuse(name, f"is {value!r}, allowed are {', '.join(allowed)}")


def number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """Return a whole number that is at least `least`, and at most `most` if that is given."""
    value = text(name) or str(default)
    found = _whole(value)
    if found is None or found < least or (most is not None and found > most):
        to = "" if most is None else f" to {most}"
        refuse(name, f"is {value!r}, allowed are whole numbers from {least}{to}")
    return found


def collector(name: str) -> str:
    """Return the address of a collector of traces, nothing if none is given."""
    value = text(name).rstrip("/")
    if value and (value.endswith("/v1/traces") or not COLLECTOR.fullmatch(value)):
        # Not repeated: there may be a password in it.
        refuse(name, "needs an address such as http://collector:4318, without /v1/traces")
    return value


def port(name: str) -> int | None:
    """Return a port, 0 for any free one; None if nothing is said."""
    value = text(name)
    if not value:
        return None
    found = _whole(value)
    if found is None or found > 65535:
        refuse(name, f"is {value!r}, allowed are whole numbers from 0 (any free port) to 65535")
    return found


def _whole(value: str) -> int | None:
    """Return the number, None for what is none or longer than any that is meant."""
    plain = value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS
    return int(value) if plain else None


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


def hosts(name: str) -> list[str]:
    """Return the hosts to answer for, as Django's ALLOWED_HOSTS has them."""
    listed = words(name)
    for one in listed:
        if not _can_match(one):
            refuse(name, f"lists {one!r}, which no request can match: write host names such as "
                         "example.org, .example.org with all below it, 10.0.0.1 or [::1], "
                         "without scheme, port or quotes")  # fmt: skip
    return listed


def _can_match(pattern: str) -> bool:
    """Tell whether Django lets in the host that a pattern of ALLOWED_HOSTS spells."""
    # Most of Django, for which who only starts PostgreSQL need not wait.
    from django.http.request import split_domain_port, validate_host

    spelled = "any" if pattern == "*" else pattern.removeprefix(".")
    host, port = split_domain_port(spelled.lower())
    return bool(host) and not port and validate_host(host, [pattern])


def origins(name: str) -> list[str]:
    """Return the origins whose pages may call the service, `*` for all."""
    listed = words(name)
    for one in listed:
        if one != "*" and not ORIGIN.fullmatch(one):
            refuse(name, f"lists {one!r}, allowed are * or origins such as https://example.org "
                         "and http://localhost:3000, without a path")  # fmt: skip
    return listed
