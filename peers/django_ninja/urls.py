"""The routes: Ninja's own, and pages of errors without their HTML."""

from typing import Any

from django.http import HttpResponse
from django.urls import path, register_converter

from peers.shared.schemas import LARGEST_ID


class RowId:
    """Django's own `int` takes any number of digits, which PostgreSQL refuses past its bigint."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """Return the number. Raises ValueError, which is a 404, for one that no row can have."""
        if int(value) > LARGEST_ID:
            raise ValueError("no row has this id")
        return int(value)

    def to_url(self, value: int) -> str:
        """Return the path segment."""
        return str(value)


register_converter(RowId, "rowid")

from peers.django_ninja.api import api  # noqa: E402  (its paths use the converter)

urlpatterns = [path("", api.urls)]


def _bare(status: int) -> Any:
    def answer(*_request: Any, **_error: Any) -> HttpResponse:
        return HttpResponse(status=status)

    return answer


handler400, handler404, handler500 = _bare(400), _bare(404), _bare(500)
