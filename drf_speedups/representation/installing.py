"""What stands in whose place: seven methods of the framework's classes, and what a project uses.

Each stand-in does what the method does that it stands for, and asks that one wherever something is
not known.
"""

import functools
import itertools
import secrets
import types
from collections import OrderedDict
from typing import Any

from django.core.paginator import Page as DjangosPage
from django.db.models import QuerySet
from rest_framework.mixins import ListModelMixin
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import LimitOffsetPagination, PageNumberPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ListSerializer, Serializer
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.utils.serializer_helpers import ReturnDict

from drf_speedups.eligibility import looked_at
from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import STAND_INS
from drf_speedups.representation import filtering, negotiating, reading, templates
from drf_speedups.representation.finished import (
    Finished,
    Page,
    Waiting,
    finished_data,
)
from drf_speedups.representation.sql import rows
from drf_speedups.stand_ins import StandIn, StandIns

DICTIONARIES = {dict, OrderedDict, ReturnDict}
MOST_ENVELOPES = 4  # one within the other
LAZILY = "_speedups_lazily"  # in a view while the framework's own code lists: what waits
SECRET, NUMBERS = secrets.token_hex(16), itertools.count()  # for tokens that nobody can foresee


def _listing(stock: Any) -> Any:
    @functools.wraps(stock)
    def list(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A001
        waiting = vars(self)[LAZILY] = Waiting(self)
        try:
            return stock(self, request, *args, **kwargs)
        finally:
            vars(self).pop(LAZILY, None)
            waiting.end()

    return list


def _paginating(stock: Any) -> Any:
    """Let the framework's code choose a page whose rows nobody has asked for yet."""
    lazily = types.FunctionType(
        stock.__code__, {**stock.__globals__, "list": _page}, stock.__name__, stock.__defaults__
    )

    @functools.wraps(stock)
    def paginate_queryset(self: Any, queryset: Any, request: Any, view: Any = None) -> Any:
        if LAZILY in getattr(view, "__dict__", ()) and _alone(self, view):
            page = lazily(self, queryset, request, view)
            if type(page) is Page:
                vars(view)[LAZILY].add(page)
            return page
        return stock(self, queryset, request, view=view)

    return paginate_queryset


def _alone(paginator: Any, view: Any) -> bool:
    """Tell whether no code of the project's own stands around the choice of a page.

    Such code may change rows, catch errors or choose a schema, and counts on rows that are there.
    """
    ours = type(paginator).paginate_queryset in STAND_INS
    kind: Any = type(view)
    own = own_code(kind, _generic_view()) & {"paginate_queryset", "paginator"}
    return ours and not own


@functools.cache
def _generic_view() -> Any:
    from rest_framework.generics import GenericAPIView  # which the project has imported

    return GenericAPIView


def _page(chosen: Any) -> list[Any]:
    """Return what `list` returns, later where that can be: rows are not locked later."""
    page = chosen if type(chosen) is DjangosPage else None
    if page is not None:
        chosen = page.object_list
    waits = isinstance(chosen, QuerySet) and chosen._result_cache is None
    if not waits or chosen.query.select_for_update:
        return [*(chosen if page is None else page)]
    found = Page(chosen)
    if page is not None:
        page.object_list = found
    return found


def _data(stock: Any) -> Any:
    def data(self: Any) -> Any:
        finished = finished_data(self)
        if finished is not None:
            return finished
        return stock.fget(self)

    return property(functools.wraps(stock.fget)(data))


def _to_representation(stock: Any) -> Any:
    @functools.wraps(stock)
    def to_representation(self: Any, instance: Any) -> Any:
        values = reading.represented(self, instance)
        return stock(self, instance) if values is None else values

    return to_representation


def _render(stock: Any) -> Any:
    @functools.wraps(stock)
    def render(
        self: Any, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> Any:
        plain = _is_plain(self, accepted_media_type, renderer_context or {})
        if plain and type(data) is Finished and data.unread():
            return _escaped(data.json().encode())
        places: dict[str, Finished] = {}
        marked = _marked(data, places, MOST_ENVELOPES) if plain else data
        body = stock(self, marked, accepted_media_type, renderer_context)
        for token, finished in places.items():
            text = _escaped(finished.json().encode())
            body = body.replace(b'"%s"' % token.encode(), text, 1)
        return body

    return render


def _marked(data: Any, places: dict[str, Finished], depth: int) -> Any:
    """Return data with a token for each finished list that dictionaries lead to."""
    if type(data) is Finished and data.unread():
        token = f"{SECRET}-{next(NUMBERS)}"
        places[token] = data
        return token
    marked = data
    for name, one in data.items() if depth and type(data) in DICTIONARIES else ():
        if type(one) is Finished or type(one) in DICTIONARIES:
            other = _marked(one, places, depth - 1)
            if other is not one:
                marked = {**marked, name: other}
    return marked


def _is_plain(renderer: Any, media_type: Any, context: Any) -> bool:
    """Tell whether a renderer writes JSON without spaces, in Unicode, by the framework's code."""
    return (
        renderer.compact
        and not renderer.ensure_ascii
        and renderer.encoder_class is JSONEncoder
        and renderer.get_indent(media_type, context) is None
    )


def _escaped(body: bytes) -> bytes:
    """Escape the two line separators, as the framework does it for JavaScript."""
    if b"\xe2\x80" in body:  # the begin of both, and of few other characters
        body = body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return body


STANDING_IN: tuple[StandIn, ...] = (
    (DefaultContentNegotiation, "select_renderer", negotiating.select_renderer),
    (JSONRenderer, "render", _render),
    (Serializer, "to_representation", _to_representation),
    (ListSerializer, "data", _data),
    (LimitOffsetPagination, "paginate_queryset", _paginating),
    (PageNumberPagination, "paginate_queryset", _paginating),
    (ListModelMixin, "list", _listing),
)


def _standing_in() -> tuple[StandIn, ...]:
    return *STANDING_IN, *filtering.standing_in()


def _forget() -> None:
    looked_at.forget()
    templates.forget()
    reading.forget()
    negotiating.forget()
    filtering.forget()
    rows.forget()


ROWS = StandIns("representation", _standing_in, _forget)
