"""View sets over tables that refer to one another, put together from parts."""

from dataclasses import dataclass, fields
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework import mixins, viewsets

from tests.speedups.library.related_models import Article
from tests.speedups.representation.odd import ODD
from tests.speedups.representation.shown import SERIALIZERS, SHOWN, serializer
from tests.speedups.representation.views import FILTERS, PAGES, QUERY_SETS, RENDERERS, VIEWS

ZONES: dict[str, Any] = {"utc": UTC, "lisbon": ZoneInfo("Europe/Lisbon")}
PATHS = ["/", "/?page=2", "/?offset=2&limit=2", "/?size=2&few=1", "/?search=t3", "/?ordering=-id",
         "/?page=last", "/?page=9"]  # fmt: skip
ACCEPTS = ["application/json", "application/json; indent=2"]
PARTS: dict[str, list[str]] = {
    "rows": [*QUERY_SETS], "pages": [*PAGES], "view": [*VIEWS], "renderer": [*RENDERERS],
    "filters": [*FILTERS], "serializer": [*SERIALIZERS], "zone": [*ZONES], "odd": [*ODD],
    "path": PATHS, "accept": ACCEPTS,
}  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """A part of each kind; the first of each is plain."""

    shown: tuple[str, ...] = ("id", "title")
    rows: str = "all"
    pages: str = "none"
    view: str = "stock"
    renderer: str = "json"
    filters: str = "none"
    serializer: str = "drawn"
    zone: str = "utc"
    odd: str = "none"
    path: str = "/"
    accept: str = "application/json"

    def __repr__(self) -> str:
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        odd = {k: v for k, v in told.items() if k == "shown" or v != PARTS[k][0]}
        return f"Spec({', '.join(f'{k}={v!r}' for k, v in odd.items())})"


def serializer_of(spec: Spec) -> Any:
    """Return a new serializer class."""
    if SERIALIZERS[spec.serializer] is not None:
        return SERIALIZERS[spec.serializer]
    declared = {name: SHOWN[name]() for name in spec.shown}
    declared = {name: field for name, field in declared.items() if field is not None}
    declared["get_method"] = lambda self, row: [type(self).__name__, str(row), "é"]
    return serializer(Article, *spec.shown, **declared)


def view_of(spec: Spec) -> Any:
    """Return the class of a view set."""
    mixin = VIEWS[spec.view]
    rows = QUERY_SETS[spec.rows]
    bases = [*([mixin] if mixin else []), mixins.ListModelMixin, mixins.RetrieveModelMixin,
             viewsets.GenericViewSet]  # fmt: skip
    view: Any = type("Drawn", tuple(bases), {
        "get_queryset": lambda self: rows(Article.objects.all()),
        "serializer_class": serializer_of(spec), "pagination_class": PAGES[spec.pages],
        "renderer_classes": [RENDERERS[spec.renderer]], "permission_classes": [],
        "authentication_classes": [], "throttle_classes": [], "search_fields": ["title"],
        "filter_backends": FILTERS[spec.filters], "ordering_fields": ["id"],
    })  # fmt: skip
    return view
