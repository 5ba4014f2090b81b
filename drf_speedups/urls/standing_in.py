"""What stands in the place of the methods that find views and write the links of pages."""

from django.urls import URLResolver
from rest_framework.pagination import CursorPagination, LimitOffsetPagination, PageNumberPagination

from drf_speedups.eligibility import looked_at
from drf_speedups.stand_ins import StandIn, StandIns
from drf_speedups.urls import links, resolving
from drf_speedups.urls.links import linking

STANDING_IN: tuple[StandIn, ...] = (
    (URLResolver, "resolve", resolving.resolve),
    (PageNumberPagination, "get_next_link", linking),
    (PageNumberPagination, "get_previous_link", linking),
    (LimitOffsetPagination, "get_next_link", linking),
    (LimitOffsetPagination, "get_previous_link", linking),
    (CursorPagination, "encode_cursor", linking),
)


def _forget() -> None:
    looked_at.forget()
    resolving.forget()
    links.forget()


URLS = StandIns("urls", lambda: STANDING_IN, _forget)
