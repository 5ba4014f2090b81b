"""When a piece cannot do exactly what Django REST framework would do, it lets it do its work."""

from typing import Any

from django.conf import settings


class StepAside(Exception):  # noqa: N818  (no error: the stock way is always there)
    """Says, for a person, what a piece cannot do."""


def stock(subject: type, *names: str, of: tuple[str, ...] = ("rest_framework", "speedups")) -> None:
    """Raise `StepAside` if a class has methods of these names that are not the framework's own."""
    for name in names:
        found: Any = getattr(subject, name)
        within = (getattr(found, one, None) for one in ("fget", "func", "__func__"))
        function = next(filter(None, within), found)
        module = getattr(function, "__module__", "") or ""
        if module.partition(".")[0] not in of:
            raise StepAside(f"{subject.__name__}.{name} is its own ({module})")


def unless(condition: object, reason: str) -> None:
    """Raise `StepAside` for this reason, unless the condition holds."""
    if not condition:
        raise StepAside(reason)


def wanted(piece: str) -> bool:
    """Tell whether a piece is switched on: all are, unless the setting SPEEDUPS lists others."""
    listed = getattr(settings, "SPEEDUPS", None)
    return listed is None or piece in listed
