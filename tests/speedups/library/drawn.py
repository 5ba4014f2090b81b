"""View sets put together from parts, each with and without the pieces, and one conversation.

A `Spec` names a part of each kind. `with_pieces` decides whether the mixins are among the bases;
all else is the same code, so that whatever differs is the pieces' doing.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from django.db import connection
from django.db.models.signals import post_init, pre_save
from django.utils.decorators import method_decorator
from rest_framework import parsers, renderers, serializers

from drf_speedups.answers import FinishedAnswers
from drf_speedups.pagination import KeysetPagination
from drf_speedups.serializers.shared_fields import SharedFields
from drf_speedups.writes import SingleStatementWrites
from tests.speedups.library.drawn_parts import FIELDS, KINDS, MIXINS, QUERY_SETS, SIGNALS
from tests.speedups.library.letting_in import AROUND, AUTHENTICATION, PERMISSIONS
from tests.speedups.library.odd_models import ODD_MODELS, ODD_ROWS

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
    columns = [one.name for one in model._meta.concrete_fields
               if not one.generated or spec.fields == "computed"]  # fmt: skip
    if model.__name__ == "WithDocument" and spec.fields == "hidden document":
        columns.remove("document")  # and it is read back all the same
    given = model.__name__ == "DefaultKey" and spec.fields != "with key"
    if given or spec.fields == "without key":
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
