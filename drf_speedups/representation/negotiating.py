"""Which renderer writes an answer: the same for the same header, and remembered."""

import functools
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation

MOST_HEADERS = 1024  # clients choose them
_chosen: dict[Any, tuple[int, str]] = {}


def select_renderer(stock: Any) -> Any:
    """Return what stands for the method that negotiates."""

    @functools.wraps(stock)
    def select_renderer(
        self: Any, request: Any, renderers: Any, format_suffix: Any = None
    ) -> tuple[Any, str]:
        said = format_suffix or _named(request, self.settings.URL_FORMAT_OVERRIDE)
        if said or type(self) is not DefaultContentNegotiation:
            return stock(self, request, renderers, format_suffix)  # type: ignore[no-any-return]
        known = [(type(one), one.media_type) for one in renderers]
        key = (request.META.get("HTTP_ACCEPT"), *known)
        found = _chosen.get(key)
        if found is None:
            chosen, media_type = stock(self, request, renderers, format_suffix)
            if len(_chosen) > MOST_HEADERS:
                _chosen.clear()
            _chosen[key] = found = renderers.index(chosen), media_type
        return renderers[found[0]], found[1]

    return select_renderer


def _named(request: Any, parameter: Any) -> Any:
    """Return the format that a query names."""
    # Most requests have no query, and to read it costs something. Some have another than was sent.
    asked = getattr(request, "_request", request)
    there = request.META.get("QUERY_STRING") or "GET" in vars(asked)
    return there and parameter and request.query_params.get(parameter)


def forget() -> None:
    """Let headers be read anew."""
    _chosen.clear()
