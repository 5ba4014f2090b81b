"""A moment's text in UTC, which the framework asks for the current zone and converts.

The zone is asked for each value, since a project's own code may choose another between two of them.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import timezone as offset
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from rest_framework import ISO_8601, fields
from rest_framework.settings import api_settings

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.representation.surroundings import current_zone

OF_ZONE = frozenset({"default_timezone", "enforce_timezone"})  # that one field may have, too
OF_ZONES, NOTHING = {offset, ZoneInfo}, timedelta(0)


def shown(field: Any) -> Callable[[Any], Any]:
    """Return what shows a field's values, in fewer steps where they are moments in UTC."""
    show: Callable[[Any], Any] = field.to_representation
    own = vars(field)
    kind: Any = fields.DateTimeField
    if type(field) is not kind or "to_representation" in own or own_code(kind, kind):
        return show

    def text(value: Any) -> Any:
        if (
            type(value) is datetime
            and value.tzinfo is UTC
            and own.keys().isdisjoint(OF_ZONE)
            and getattr(field, "timezone", own) is own  # nobody chose one for this field, or all
            and getattr(field, "format", api_settings.DATETIME_FORMAT) == ISO_8601
            and settings.USE_TZ
            and _is_utc(current_zone())
        ):
            return f"{value.isoformat()[:-6]}Z"
        return show(value)

    return text


def _is_utc(zone: Any) -> bool:
    # Only a zone that never changes can tell its offset without a date.
    return zone is UTC or (type(zone) in OF_ZONES and zone.utcoffset(None) == NOTHING)
