"""View sets put together from parts, each with and without the pieces, and one conversation.

A `Spec` names a part of each kind. `with_pieces` decides whether the mixins are among the bases;
all else is the same code, so that whatever differs is the pieces' doing.
"""

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.db import connection, models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Substr
from django.db.models.signals import post_delete, post_init, post_save, pre_save
from django.http import HttpResponse
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import condition
from rest_framework import generics, parsers, renderers, serializers, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, BasePermission

from drf_speedups.answers import FinishedAnswers
from drf_speedups.pagination import KeysetPagination
from drf_speedups.serializers.shared_fields import SharedFields
from drf_speedups.writes import SingleStatementWrites
from tests.speedups.library.odd_models import ODD_MODELS, ODD_ROWS

calls: Counter[str] = Counter()  # of authentication and permissions, by class
USER = type("Somebody", (), {"is_authenticated": True})()
DOOR = "HTTP_X_KEY"


def refuse(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let nobody in without a key, as `login_required` does."""

    @functools.wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
        if DOOR not in request.META:
            return HttpResponse("sign in", status=302, headers={"Location": "/login/"})
        return view(request, *args, **kwargs)

    return guarded


class Asks(BaseAuthentication):
    """Knows who shows a key, and counts."""

    def authenticate(self, request: Any) -> Any:
        calls[type(self).__name__] += 1
        self.look(request)
        return (USER, None) if DOOR in request.META else None

    def look(self, request: Any) -> None:
        """Do something else with the request."""


class Once(Asks):
    """Takes each key once."""

    seen: ClassVar[set[str]] = set()

    def look(self, request: Any) -> None:
        key = request.META.get(DOOR, "")
        if key in self.seen:
            raise AuthenticationFailed("this key was used")
        self.seen.add(key)


class Travels(Asks):
    """Chooses time zone and language for who asks."""

    def look(self, request: Any) -> None:
        timezone.activate(ZoneInfo("Asia/Kathmandu"))
        translation.activate("de")


class Breaks(Asks):
    """Fails in a way that nobody foresaw."""

    decides_by = (DOOR,)

    def look(self, request: Any) -> None:
        raise LookupError("no such key ring")


class Promises(Asks):
    """Says what it decides by."""

    decides_by = (DOOR,)

    def authenticate(self, request: Any) -> Any:
        return (USER, None) if DOOR in request.META else None


class Inherits(Promises):
    """Has the promise of its base and other code."""

    def authenticate(self, request: Any) -> Any:
        return (USER, None) if request.META.get("HTTP_ACCEPT_LANGUAGE") != "de" else None


class Counts(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        calls[type(self).__name__] += 1
        return not view.kwargs or view.kwargs.get("pk") != "3"


class Rows(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        calls[type(self).__name__] += 1
        return bool(obj.rank % 2)


class SignedIn(BasePermission):
    decides_by: ClassVar[tuple[str, ...]] = ()

    def has_permission(self, request: Any, view: Any) -> bool:
        return request.user is USER


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
AROUND: dict[str, Any] = {
    "none": None, "refuse": refuse, "never cache": never_cache,
    "condition": condition(etag_func=lambda *_args, **_kwargs: '"one"'),
}  # fmt: skip
AUTHENTICATION: dict[str, Any] = {
    "none": [], "asks": [Asks], "once": [Once], "travels": [Travels], "breaks": [Breaks],
    "promises": [Promises], "inherits": [Inherits],
}  # fmt: skip
PERMISSIONS: dict[str, Any] = {
    "none": [], "all": [AllowAny], "counts": [Counts], "rows": [Rows], "signed in": [SignedIn],
    "composed": [Counts & AllowAny],
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
    "whole document": dict,
    "without key": dict,
}  # fmt: skip
SIGNALS: dict[str, Any] = {"none": None, "saved": post_save, "saving": pre_save,
                           "made": post_init, "gone": post_delete}  # fmt: skip
KINDS: dict[str, type] = {
    "set": viewsets.ModelViewSet, "read": viewsets.ReadOnlyModelViewSet,
    "rows": generics.ListCreateAPIView, "row": generics.RetrieveUpdateDestroyAPIView,
}  # fmt: skip
PARTS: dict[str, list[str]] = {
    "model": [*ODD_MODELS], "rows": [*QUERY_SETS], "mixin": [*MIXINS], "around": [*AROUND],
    "wrapped": ["list", "create", "retrieve", "destroy", "dispatch"], "who": [*AUTHENTICATION],
    "may": [*PERMISSIONS], "fields": [*FIELDS], "signal": [*SIGNALS], "kind": [*KINDS],
    "odd": ["none", *ODD_ROWS],
}  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """A part of each kind; the first of each is plain."""

    model: str = "BigKey"
    rows: str = "all"
    mixin: str = "none"
    around: str = "none"
    wrapped: str = "list"
    who: str = "none"
    may: str = "none"
    fields: str = "plain"
    signal: str = "none"
    kind: str = "set"
    odd: str = "none"

    def __repr__(self) -> str:
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return f"Spec({', '.join(f'{k}={v!r}' for k, v in told.items() if v != PARTS[k][0])})"


def view_of(spec: Spec, with_pieces: bool) -> Any:
    """Return the class of a view."""
    model = ODD_MODELS[spec.model]
    mixin = MIXINS[spec.mixin]
    bases = [*((FinishedAnswers, SingleStatementWrites) if with_pieces else ()),
             *([mixin] if mixin else []), KINDS[spec.kind]]  # fmt: skip
    view = type("Drawn", tuple(bases), {
        "queryset": QUERY_SETS[spec.rows](model._default_manager.all()),
        "serializer_class": _serializer(spec, model, with_pieces),
        "pagination_class": KeysetPagination, "renderer_classes": [renderers.JSONRenderer],
        "parser_classes": [parsers.JSONParser], "throttle_classes": [],
        "authentication_classes": AUTHENTICATION[spec.who],
        "permission_classes": PERMISSIONS[spec.may],
    })  # fmt: skip
    around = AROUND[spec.around]
    if around is not None and hasattr(view, spec.wrapped):
        view = method_decorator(around, name=spec.wrapped)(view)
    return view


def _serializer(spec: Spec, model: Any, with_pieces: bool) -> Any:
    declared = FIELDS[spec.fields]()
    others = ["extra"] if "extra" in declared else []
    columns = [one.name for one in model._meta.concrete_fields if not one.generated]
    if model.__name__ == "WithDocument" and spec.fields != "whole document":
        columns.remove("document")  # a column that is not shown, and read back all the same
    if spec.fields == "without key":
        columns.remove("id")
    shown = ["title" if one == "name" and "title" in declared else one for one in columns]
    meta = type("Meta", (), {"model": model, "fields": [*shown, *others, *(
        ["method"] if "method" in declared else [])]})  # fmt: skip

    def create(self: Any, validated_data: Any) -> Any:
        validated_data["name"] += str(len(validated_data.pop("extra")["a"]))
        return super(made, self).create(validated_data)

    def validate_extra(self: Any, value: Any) -> Any:
        value["a"].append(1)
        return value

    own = {"create": create, "validate_extra": validate_extra} if others else {}
    bases = ((SharedFields,) if with_pieces else ()) + (serializers.ModelSerializer,)
    made: Any = type("DrawnSerializer", bases, {
        "Meta": meta, **declared, **own, "get_method": lambda self, row: row.rank * 2
    })  # fmt: skip
    return made


def forgotten() -> None:
    """Let those who remember forget."""
    calls.clear()
    Once.seen.clear()
    timezone.deactivate()
    translation.deactivate()


@contextlib.contextmanager
def listening(spec: Spec) -> Iterator[None]:
    """Let somebody listen, who writes when something happens."""
    signal, model = SIGNALS[spec.signal], ODD_MODELS[spec.model]

    def hear(instance: Any, **_kwargs: Any) -> None:
        if signal is post_init:
            instance.rank = 77
        elif signal is pre_save:
            instance.name = "heard"
        else:
            with connection.cursor() as cursor:
                cursor.execute(f"UPDATE {model._meta.db_table} SET rank = rank + 10")

    if signal is not None:
        signal.connect(hear, sender=model, weak=False)
    try:
        yield
    finally:
        if signal is not None:
            signal.disconnect(hear, sender=model)
