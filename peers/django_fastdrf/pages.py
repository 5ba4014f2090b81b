"""Keyset pages: DRF's own cursors read one way and the other, and count in both."""

from typing import Any

from fastdrf.response import DataResponse
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request

LARGEST_ID = 2**63 - 1


class KeysetPages(BasePagination):
    """The newest items older than `cursor`; one more is read to know if there are more."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the items of a page. Raises ValidationError for another limit or cursor."""
        sent = request.query_params
        self.limit = _number(sent.get("limit", "20"), 100) or _refuse("limit")
        if "cursor" in sent:
            queryset = queryset.filter(id__lt=_number(sent["cursor"], LARGEST_ID))
        items = list(queryset[: self.limit + 1])
        self.next = None
        if len(items) > self.limit:
            del items[self.limit :]
            query = f"limit={self.limit}&cursor={items[-1].pk}"
            self.next = request.build_absolute_uri(f"/items/?{query}")
        return items

    def get_paginated_response(self, data: Any) -> DataResponse:
        """Return the answer with the page and where older items are."""
        return DataResponse({"next": self.next, "previous": None, "results": data})


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > most:
        _refuse("number")
    return int(text)


def _refuse(what: str) -> Any:
    raise ValidationError(f"this is no {what}")
