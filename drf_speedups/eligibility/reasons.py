"""How a piece says that it cannot do exactly what Django REST framework would do."""

from typing import Any

from django.conf import settings

PIECES = (
    "answers", "express", "fields", "headers", "overlap", "queries", "representation", "upkeep",
    "urls", "validation",
)  # fmt: skip


LISTS = list, tuple, set, frozenset  # not what is gone once it is read, or has values beside names


class StepAside(Exception):  # noqa: N818  (no error: the stock way is always there)
    """Says, for a person, what a piece cannot do and what to change."""


def unless(condition: object, reason: str) -> None:
    """Raise `StepAside` for this reason, unless the condition holds."""
    if not condition:
        raise StepAside(reason)


def listed(name: str) -> tuple[str, ...] | None:
    """Return what a setting lists, None where it is not set; of one that is no list, nothing.

    A system check says so; requests are then the framework's.
    """
    found = getattr(settings, name, None)
    if found is None:
        return None
    return tuple(map(str, found)) if isinstance(found, LISTS) else ()


def wanted(piece: str) -> bool:
    """Tell whether a piece is switched on: all are, unless the setting SPEEDUPS lists others."""
    pieces = listed("SPEEDUPS")
    return pieces is None or piece in pieces


def switched_on(piece: str) -> None:
    """Raise `StepAside` if the setting SPEEDUPS leaves a piece out."""
    unless(wanted(piece), f"the setting SPEEDUPS leaves out {piece!r}")


def named(value: Any) -> str:
    """Return the name that a person calls a class or an object's class by."""
    return value.__name__ if isinstance(value, type) else type(value).__name__
