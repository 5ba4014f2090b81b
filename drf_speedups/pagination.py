"""Keyset pages: every page costs the same, however deep it lies."""

import re
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from drf_speedups.eligibility.members import piece

LIMIT = re.compile(r"0*([0-9]{1,9})")
ROW_ID = re.compile(r"[0-9]{1,19}")
LARGEST_ID = 2**63 - 1


@piece
class KeysetPagination(CursorPagination):
    """DRF's cursor pages, newest first, which refuse a wrong `limit` or cursor with 400."""

    ordering = "-id"
    page_size = 20
    max_page_size = 100
    page_size_query_param = "limit"
    page_size_query_description = "Rows per page, 1 to 100."

    def get_page_size(self, request: Request) -> int:
        """Return the rows per page. Raises `ValidationError` outside 1 to `max_page_size`."""
        limit = request.query_params.get(str(self.page_size_query_param), str(self.page_size))
        number = LIMIT.fullmatch(limit)
        if number is None or not 1 <= int(number[1]) <= self.max_page_size:
            message = f"Allowed are whole numbers from 1 to {self.max_page_size}."
            raise ValidationError({str(self.page_size_query_param): [message]})
        return int(number[1])

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the cursor. Raises `ValidationError` for one that this class never gave out."""
        if self.cursor_query_param not in request.query_params:
            return None
        try:
            cursor: Any = super().decode_cursor(request)
        except Exception as error:
            raise self._refused() from error
        # Ids are unique, so a cursor of ours needs no offset; a forged one would cost us a scan.
        position = cursor.position or ""
        if cursor.offset or not ROW_ID.fullmatch(position) or int(position) > LARGEST_ID:
            raise self._refused()
        return cursor  # type: ignore[no-any-return]

    def _refused(self) -> ValidationError:
        return ValidationError({self.cursor_query_param: ["Not a cursor that came from here."]})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a page of `schema`."""
        url = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": url, "previous": url, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the query parameters for the schema, `limit` with its bounds."""
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                bounds = {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
                parameter["schema"] |= bounds
        return parameters
