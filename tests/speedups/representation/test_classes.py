"""What a class has of others, what it has got since it was looked at, and what one object has."""

from typing import Any
from unittest import mock

import pytest
from django.db import models
from django.db.models.manager import BaseManager
from rest_framework import serializers
from rest_framework.utils.serializer_helpers import BindingDict

from tests.speedups.library.related_models import Article, Editor, Visible
from tests.speedups.representation.asking import assert_same, outcome, view_of
from tests.speedups.representation.comparing import answered, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import Loud, serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
ACTIONS = pytest.mark.parametrize(("action", "named"), [("list", {}), ("retrieve", {"pk": 2})])


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def _told(change: Any) -> str:
    """Return what is changed: the same in each process, as functions' addresses are not."""
    owner, name, _ = change
    return f"{getattr(owner, '__name__', owner)} {name}"


class Prefixed(serializers.CharField):
    """Leaves to others what stands before a value."""

    sign = "-"

    def prefix(self):
        """Return nothing."""
        return ""

    def to_representation(self, value):
        """Return both."""
        return self.prefix() + self.sign + str(value)


class ByPath(Prefixed):
    """Says it, by the request."""

    def prefix(self):
        """Return the path."""
        return self.context["request"].path


class BySign(Prefixed):
    """Says the sign so."""

    @property
    def sign(self):  # type: ignore[override]
        """Return the path."""
        return self.context["request"].path


@ACTIONS
@pytest.mark.parametrize("field", [Prefixed, ByPath, BySign])
def test_what_a_field_leaves_to_the_classes_below_it_is_theirs(field, action, named):
    kind = serializer(Article, "id", "title", title=field())
    assert_same(view_of(action=action, serializer_class=kind), **named)


class Given:
    """Gives one serializer something of its own."""

    def get_serializer(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Return it."""
        made = super().get_serializer(*args, **kwargs)  # type: ignore[misc]
        setattr(made.child if self.to_each else made, self.name, self.value)
        return made


FEW = type("Meta", (), {"model": Article, "fields": ["id"]})
GIVEN: list[tuple[bool, str, Any]] = [
    (True, "to_representation", lambda row: {"pk": row.pk}),
    (False, "to_representation", lambda rows: [row.pk for row in rows]),
    (True, "get_fields", lambda: {"id": serializers.IntegerField()}),
    (True, "Meta", FEW), (True, "_declared_fields", {"id": serializers.CharField()}),
]  # fmt: skip


@pytest.mark.parametrize("given", GIVEN, ids=_told)
@pytest.mark.parametrize("shown", ["title", "method"])
def test_what_one_serializer_has_of_its_own_is_used(given, shown):
    to_each, name, value = given
    own = {"to_each": to_each, "name": name, "value": staticmethod(value)}
    if not callable(value) or isinstance(value, type):
        own["value"] = value
    assert_same(view_of(Spec(shown=("id", shown)), mixin=Given, **own))


def _few(self: Any) -> Any:
    """Return fewer fields than there were."""
    found = BindingDict(self)
    found["id"] = serializers.IntegerField()
    return found


@classmethod  # type: ignore[misc]
def _otherwise(kind: Any, *args: Any, **how: Any) -> Any:
    row = models.Model.from_db.__func__(kind, *args, **how)  # type: ignore[attr-defined]
    row.title = "otherwise"
    return row


LOUD = serializer(Article, "id", "title", "loud", loud=Loud(source="title"))
JOINED = serializer(Article, "id", "title", "editor", editor=serializer(Editor, "id", "name")())
LATER: list[tuple[Any, str, Any]] = [
    (Loud, "to_representation", lambda _self, value: f"later {value}"),
    (None, "get_fields", lambda _self: {"id": serializers.IntegerField()}),
    (None, "fields", property(_few)), (None, "to_representation", lambda _self, row: {"a": 1}),
    (Article, "title", property(lambda _self: "later", lambda _self, _value: None)),
    (Editor, "name", property(lambda _self: "later", lambda _self, _value: None)),
    (Article, "from_db", _otherwise), (Editor, "pk", property(lambda self: f"#{self.id}")),
]  # fmt: skip


@ACTIONS
@pytest.mark.parametrize("kind", [LOUD, JOINED])
@pytest.mark.parametrize("later", LATER, ids=_told)
def test_what_a_class_gets_after_the_first_request_is_used(later, kind, action, named):
    changed, name, value = later
    view = view_of(action=action, serializer_class=kind)

    def ask():
        with mock.patch.object(changed or kind, name, value, create=True):
            return outcome(lambda: answered(view, **named))[0]

    stock = ask()
    with installed():
        before = answered(view, **named)
        assert ask() == stock
        assert answered(view, **named) == before


@pytest.mark.parametrize("shown", ["replies", "note and reply"])
@pytest.mark.parametrize("rows", ["all", "beside, hidden"])
def test_what_a_manager_gets_after_the_first_request_is_used(monkeypatch, written, shown, rows):
    hides = vars(Visible)["get_queryset"]
    view = view_of(Spec(shown=("id", shown), rows=rows))
    stock = answered(view)
    monkeypatch.setattr(Visible, "get_queryset", models.Manager.get_queryset)
    with installed():
        assert answered(view) != stock
        assert written[0] is not None
        monkeypatch.setattr(Visible, "get_queryset", hides)
        assert answered(view) == stock


class Bare(BaseManager):
    """Makes query sets, and names no class of them."""

    def get_queryset(self):
        """Return all rows."""
        return models.QuerySet(self.model, using=self._db)

    def fetch_mode(self, mode):
        """Return rows that fetch what they refer to so; Django asks for it since 6.1."""
        return self.get_queryset().fetch_mode(mode)


@pytest.mark.parametrize("model", [Article, Editor])
@pytest.mark.parametrize("which", ["default_manager", "base_manager"])
def test_a_manager_need_not_be_one_of_a_query_set_s_class(monkeypatch, model, which):
    bare: Any = Bare()
    bare.model, bare.name = model, "bare"
    monkeypatch.setitem(vars(model._meta), which, bare)
    nested = serializer(Article, "id", "editor", editor=serializer(Editor, "id", "name")())
    view = view_of(serializer_class=nested)
    stock = answered(view)
    with installed():
        assert answered(view) == stock


def test_a_list_is_written_again_once_a_class_is_as_it_was(written):
    view = view_of(serializer_class=LOUD)
    with installed():
        for _ in range(2):
            answered(view)
            with mock.patch.object(Loud, "to_representation", return_value="later"):
                answered(view)
    assert [one is not None for one in written] == [True, False, True, False]
