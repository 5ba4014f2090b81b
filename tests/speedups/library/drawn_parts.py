"""What else a view set is put together from: mixins, fields, query sets, listeners."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Substr
from django.db.models.signals import post_delete, post_init, post_save, pre_save
from django.utils import timezone
from rest_framework import generics, serializers, viewsets

from tests.speedups.library.letting_in import USER, refuse


class Door:
    """A mixin that stands behind the pieces."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return refuse(super().dispatch)(request, *args, **kwargs)  # type: ignore[misc]


class Abroad:
    """Chooses a time zone when all others have let the request in."""

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        timezone.activate(ZoneInfo("America/Lima"))


class OnlyHigh:
    """Changes, for each view, what its query set is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.queryset = self.queryset.filter(rank__gt=1)  # type: ignore[has-type]


class ChangesFields:
    """Changes the fields of a serializer when a view is made."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for field in self.serializer_class().fields.values():  # type: ignore[attr-defined]
            field.help_text = "changed"
            field.validators.clear()


class AddsHeader:
    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(*args, **kwargs)  # type: ignore[misc]
        answer["X-Type"] = type(getattr(answer, "data", None)).__name__
        return answer


class OwnCreate:
    def create(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().create(request, *args, **kwargs)  # type: ignore[misc]
        answer.data["by"] = "own"
        return answer


class Located:
    def get_success_headers(self, data: Any) -> dict[str, str]:
        return {"Location": f"{self.request.path}{data['id']}/",  # type: ignore[attr-defined]
                "X-Who": str(getattr(self.request, "user", None) is USER)}  # type: ignore[attr-defined]  # fmt: skip


class Capitals(serializers.CharField):
    def to_representation(self, value: Any) -> str:
        return str(value).upper()


class Trimmed(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).strip("x")


class Remembers(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        self.times = getattr(self, "times", 0) + 1
        return f"{super().to_internal_value(data)}{self.times}"


def _of_json(rows: Any) -> Any:
    return rows.filter(document__k__gt=1) if rows.model.__name__ == "WithDocument" else rows


QUERY_SETS: dict[str, Callable[[Any], Any]] = {
    "all": lambda rows: rows,
    "some": lambda rows: rows.filter(rank__gte=1).exclude(name="n5"),
    "case": lambda rows: rows.alias().filter(
        models.lookups.LessThan(Case(When(rank__gt=4, then=Value(10)), default=Value(2)), Value(9))
    ),
    "part": lambda rows: rows.filter(
        models.lookups.Exact(Substr(F("name"), Value(1), Value(1)), Value("n"))
    ),
    "sum": lambda rows: rows.filter(rank__lt=Value(3) + Value(4)),
    "document": _of_json,
    "none": lambda rows: rows.none(),
    "distinct": lambda rows: rows.distinct(),
    "less": lambda rows: rows.defer("name"),
    "annotated": lambda rows: rows.annotate(more=F("rank") + 1),
}  # fmt: skip
MIXINS: dict[str, type | None] = {
    "none": None, "door": Door, "abroad": Abroad, "only high": OnlyHigh, "fields": ChangesFields,
    "header": AddsHeader, "create": OwnCreate, "located": Located,
}  # fmt: skip
FIELDS: dict[str, Any] = {
    "plain": dict,
    "capitals": lambda: {"name": Capitals(max_length=20)},
    "trimmed": lambda: {"name": Trimmed(max_length=20)},
    "remembers": lambda: {"name": Remembers(max_length=20)},
    "loose default": lambda: {"name": serializers.CharField(default="d", max_length=20),
                              "extra": serializers.JSONField(default={"a": []}, write_only=True)},
    "other name": lambda: {"title": serializers.CharField(source="name", max_length=20)},
    "method": lambda: {"method": serializers.SerializerMethodField()},
    "hidden document": dict,
    "without key": dict,
    "with key": dict,  # of the model whose key has a default: the others show theirs
    "computed": dict,
}  # fmt: skip
SIGNALS: dict[str, Any] = {"none": None, "saved": post_save, "saving": pre_save,
                           "made": post_init, "gone": post_delete}  # fmt: skip
KINDS: dict[str, type] = {
    "set": viewsets.ModelViewSet, "read": viewsets.ReadOnlyModelViewSet,
    "rows": generics.ListCreateAPIView, "row": generics.RetrieveUpdateDestroyAPIView,
}  # fmt: skip
