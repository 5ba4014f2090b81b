"""Django's system checks: settings that say nothing, and why pieces would all step aside."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from drf_speedups.eligibility import driver
from drf_speedups.eligibility.reasons import LISTS, PIECES, wanted
from drf_speedups.framework import import_views
from drf_speedups.queries import QUERIES

DATABASE = "Pieces that need the database step aside"
SERIALIZES = "Django REST framework serializes all rows"
COMPILES = "Django compiles all queries"
TRIES = "Django tries all patterns of URLs"
FLAGS = ("PREPARED_STATEMENTS", "SPEEDUPS_FEWER_QUERIES")


def check_settings(app_configs: object = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at the values of our settings."""
    return [*(check_pieces() or _check_links()), *_check_flag(), *_check_view_sets()]


def check_database(app_configs: object = None, **kwargs: Any) -> list[CheckMessage]:
    """Say so where no piece can speak to the database; connects to none."""
    if not any(map(_is_postgresql, connections)):
        hint = "Nothing, or use PostgreSQL."
        return [_aside("W001", DATABASE, "no database is PostgreSQL", hint)]
    if driver.MISSING:
        hint = "psycopg2 may stay: Django prefers psycopg 3."
        return [_aside("W002", DATABASE, driver.MISSING, hint)]
    from drf_speedups.representation import ROWS
    from drf_speedups.urls import URLS

    changed = [("W004", SERIALIZES, ROWS), ("W005", COMPILES, QUERIES), ("W006", TRIES, URLS)]
    return [_aside(number, what, piece.stepped_aside, "Find out which package changes that so.")
            for number, what, piece in changed if piece.stepped_aside]  # fmt: skip


def _is_postgresql(alias: str) -> bool:
    try:
        return bool(connections[alias].vendor == "postgresql")
    except ImproperlyConfigured:  # what reaches it is not installed here, and need not be
        return False


def check_pieces() -> list[CheckMessage]:
    """Look at the list of pieces alone, which is read before anything else is loaded."""
    listed = getattr(settings, "SPEEDUPS", None)
    if listed is None:
        return []
    if not isinstance(listed, LISTS):
        return [_wrong("E001", "SPEEDUPS", listed, f"a list with some of {', '.join(PIECES)}")]
    unknown = [one for one in listed if one not in PIECES]
    return [_wrong("E001", "An item of SPEEDUPS", one, ", ".join(PIECES)) for one in unknown]


def _check_links() -> list[CheckMessage]:
    links = getattr(settings, "OVERLAP_LINKS", 0)
    if type(links) is not int or links < 0:
        return [_wrong("E002", "OVERLAP_LINKS", links, "whole numbers, and 0 for none")]
    persistent = connections["default"].settings_dict.get("CONN_MAX_AGE") != 0
    if not links or not wanted("overlap") or persistent:
        return []
    return [
        checks.Warning(
            "OVERLAP_LINKS is set, but requests do not overlap: CONN_MAX_AGE is 0.",
            hint="Set CONN_MAX_AGE to None or to seconds, or OVERLAP_LINKS to 0.",
            id="drf_speedups.W003",
        )
    ]


def _check_flag() -> list[CheckMessage]:
    flags = {name: getattr(settings, name, True) for name in FLAGS}
    return [_wrong("E003", name, value, "True and False")
            for name, value in flags.items() if not isinstance(value, bool)]  # fmt: skip


def _check_view_sets() -> list[CheckMessage]:
    named = getattr(settings, "SPEEDUPS_VIEW_SETS", None)
    if named is None:
        return []
    if not isinstance(named, LISTS):
        return [_wrong("E004", "SPEEDUPS_VIEW_SETS", named, "None for all view sets, and a list")]
    import_views()
    from drf_speedups.eligibility.views import view_at

    wrong = [one for one in named if view_at(one) is None]
    return [_wrong("E004", "An item of SPEEDUPS_VIEW_SETS", one, "dotted paths of views")
            for one in wrong]  # fmt: skip


def _wrong(number: str, name: str, value: object, allowed: str) -> Error:
    return Error(
        f"{name} is {value!r}.",
        hint=f"Allowed are {allowed}.",
        id=f"drf_speedups.{number}",
    )


def _aside(number: str, what: str, why: str, hint: str) -> checks.Warning:
    return checks.Warning(f"{what}: {why}.", hint=hint, id=f"drf_speedups.{number}")
