"""What is true of a thread while it answers, and what values and URLs follow from."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta, tzinfo
from typing import NamedTuple

from django.urls import get_script_prefix, get_urlconf, set_script_prefix, set_urlconf
from django.utils import timezone, translation


class Surroundings(NamedTuple):
    """A request's, which later ones of the same thread may have otherwise."""

    zone: tzinfo
    language: str | None
    urlconf: str | None
    prefix: str

    @classmethod
    def of_now(cls) -> "Surroundings":
        """Return this thread's. Each costs a look at a context variable: look once."""
        zone, language = timezone.get_current_timezone(), translation.get_language()
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
