"""Who makes the rows of a view set's answers, in words."""

from typing import Any

from django.db import models
from rest_framework.serializers import BaseSerializer, ModelSerializer

from drf_speedups.representation.members import template
from drf_speedups.representation.sql.rows import why_not

EACH_TIME = "as each request's serializer allows: the view set chooses it"


def rows_of(view_class: Any) -> str:
    """Return who serializes the rows of a view set, and why nobody faster does."""
    kind: Any = getattr(view_class, "serializer_class", None)
    if not _is_serializer(kind):
        return EACH_TIME
    found: Any = template(kind)
    if isinstance(found, str):
        return f"by Django REST framework: {found}"
    model = found.model
    if not issubclass(kind, ModelSerializer) or not isinstance(model, type(models.Model)):
        return "by what is known of the class"
    reason = why_not(kind, model)
    return f"by what is known of the class: {reason}" if reason else "lists by the database"


def _is_serializer(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseSerializer)
