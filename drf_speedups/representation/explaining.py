"""Who makes the rows of a view set's answers, in words."""

from typing import Any

from django.db import connections, models
from rest_framework.generics import GenericAPIView
from rest_framework.serializers import BaseSerializer, ModelSerializer

from drf_speedups.eligibility.looked_at import own_code, silence
from drf_speedups.eligibility.members import STAND_INS
from drf_speedups.eligibility.models import READ
from drf_speedups.eligibility.reasons import StepAside, named
from drf_speedups.queries.shapes import compiles
from drf_speedups.representation.finished import writes_json
from drf_speedups.representation.members import ROW
from drf_speedups.representation.reading import chooses_fields, is_named
from drf_speedups.representation.sql.rows import why_not
from drf_speedups.representation.templates import template

CHOOSING = "serializer_class", "renderer_classes", "pagination_class"
BY_DATABASE = "lists by the database"
EACH_TIME = "as each request's serializer allows: the view set chooses it"


def rows_of(view_class: Any) -> str:
    """Return who serializes the rows of a view set, and why nobody faster does."""
    if not is_named(view_class):
        return "by Django REST framework: SPEEDUPS_VIEW_SETS does not name it"
    kind: Any = getattr(view_class, "serializer_class", None)
    own = own_code(view_class, GenericAPIView)
    computed = any(hasattr(type(getattr(view_class, one, None)), "__get__") for one in CHOOSING)
    if computed or not _is_serializer(kind) or "get_serializer" in own:
        return EACH_TIME
    among_others = f"with {kind.__name__}: " if "get_serializer_class" in own else ""
    return among_others + _rows(view_class, kind)


def _rows(view_class: Any, kind: Any) -> str:
    found: Any = template(kind)
    if chooses_fields(kind):
        return "by Django REST framework: the serializer chooses fields for each row"
    if isinstance(found, str):
        plain = getattr(kind, "to_representation", None) is ROW.to_representation
        lists = "lists by fields of each serializer's own, one row " if plain else ""
        return f"{lists}by Django REST framework: {found}"
    model = found.model
    if not issubclass(kind, ModelSerializer) or not isinstance(model, type(models.Model)):
        return "by what is known of the class"
    reason = _why_no_list(view_class, model) or why_not(kind, model) or _who_listens(model)
    if reason:
        return f"by what is known of the class: {reason}"
    alone = why_not(kind, model, joins=False)
    return f"lists by the database where they are joined, as {alone}" if alone else BY_DATABASE


def _why_no_list(view_class: Any, model: Any) -> str:
    """Return why the database writes no lists of a view set, whatever they show; else nothing."""
    connection = connections[models.QuerySet(model).db]
    if connection.vendor != "postgresql":
        return f"the database is {connection.vendor}"
    if not compiles(connection):
        return "queries are compiled or run in a way of their own"
    if not any(map(writes_json, view_class.renderer_classes or ())):
        return "no renderer is the framework's JSONRenderer as it is"
    pages = view_class.pagination_class
    if pages is None:
        return ""
    if getattr(pages, "paginate_queryset", None) not in STAND_INS:
        return f"{named(pages)} fetches the rows of a page itself"
    own = own_code(view_class, GenericAPIView) & {"paginate_queryset", "paginator"}
    return f"the view set has its own {', '.join(sorted(own))}" if own else ""


def _who_listens(model: Any) -> str:
    try:
        silence(model, READ).check()
    except StepAside as reason:
        return str(reason)
    return ""


def _is_serializer(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseSerializer)
