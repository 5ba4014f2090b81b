"""What is true of a thread while it answers, and what values and URLs follow from."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import timedelta, tzinfo
from typing import Any, NamedTuple

from django.urls import get_script_prefix, get_urlconf, set_script_prefix, set_urlconf
from django.utils import timezone, translation

CURRENT = timezone.get_current_timezone
ACTIVE: Any = vars(timezone)["_active"]


def _kept_in() -> Any:
    """Return what Django's threads and tasks have their zone in, None where that is not known."""
    found = getattr(getattr(ACTIVE, "_storage", None), "_data", None)
    return found if type(found) is ContextVar else None


CHOSEN = _kept_in()


def current_zone() -> Any:
    """Return the current zone.

    Most threads have never chosen one: the context variable that Django keeps it in has no value
    then, which is seen a tenth as dear as by the lock and the error on the way that leads there.
    """
    unchosen = CHOSEN is not None and CHOSEN.get(None) is None
    known = timezone.get_current_timezone is CURRENT and vars(timezone)["_active"] is ACTIVE
    return (
        timezone.get_default_timezone() if unchosen and known else timezone.get_current_timezone()
    )


class Surroundings(NamedTuple):
    """A request's, which later ones of the same thread may have otherwise."""

    zone: tzinfo
    language: str | None
    urlconf: str | None
    prefix: str

    @classmethod
    def of_now(cls) -> "Surroundings":
        """Return this thread's. Each costs a look at a context variable: look once."""
        zone, language = current_zone(), translation.get_language()
        return cls(zone, language, get_urlconf(), get_script_prefix())

    def are_utc(self) -> bool:
        """Tell whether times are written in UTC."""
        # Only a zone that never changes can tell its offset without a date.
        return self.zone.utcoffset(None) == timedelta(0)

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """Let values be written, and URLs lead, as they did."""
        now = get_urlconf(), get_script_prefix()
        with timezone.override(self.zone), translation.override(self.language):
            _lead(self.urlconf, self.prefix)
            try:
                yield
            finally:
                _lead(*now)


def _lead(urlconf: str | None, prefix: str) -> None:
    set_urlconf(urlconf)
    set_script_prefix(prefix)
