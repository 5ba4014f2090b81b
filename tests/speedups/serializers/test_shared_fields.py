"""Fields built once: shared by threads and requests, and by nobody who changes them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.utils import translation
from rest_framework import serializers

from drf_speedups.eligibility import StepAside
from drf_speedups.eligibility.serializers import check_shareable
from drf_speedups.serializers import shared_fields
from drf_speedups.serializers.shared_fields import SharedFields, check_own_fields
from tests.speedups.library import serializers as library
from tests.speedups.library.comparing import languages, only
from tests.speedups.library.models import Shelf

GOOD = {"label": "abc", "rank": 5}


@pytest.fixture(autouse=True)
def fields_on():
    with only(("fields",)):
        yield


def inner(serializer):
    """Return the fields that the framework reads and writes with, to tell who shares them."""
    as_the_framework = vars(serializers)
    found: list[Any] = eval("[*of._readable_fields]", as_the_framework, {"of": serializer})
    return found


def test_all_serializers_of_a_class_share_their_fields_but_for_partial_ones():
    full = [library.ShelfSerializer(data=GOOD) for _ in range(2)]
    partial = [library.ShelfSerializer(data=GOOD, partial=True) for _ in range(2)]
    assert all(map(lambda a, b: a is b, *map(inner, full)))
    assert all(map(lambda a, b: a is b, *map(inner, partial)))
    assert not set(inner(full[0])) & set(inner(partial[0]))
    assert not library.ShelfSerializer(data={}).is_valid()
    assert library.ShelfSerializer(data={}, partial=True).is_valid()
    assert not library.ShelfSerializer(data={}).is_valid()


def test_a_list_shares_them_too():
    rows = [Shelf(label=f"l{n}") for n in range(3)]
    many: Any = library.ShelfSerializer(rows, many=True)
    assert [row["label"] for row in many.data] == ["l0", "l1", "l2"]
    assert inner(many.child)[0] is inner(library.ShelfSerializer())[0]


@pytest.mark.parametrize("change", [
    lambda s: s.fields.pop("label"),
    lambda s: s.fields.update(label=serializers.IntegerField()),
    lambda s: setattr(s.fields["label"], "required", False),
    lambda s: setattr(s.fields.get("label"), "read_only", True),
    lambda s: s.fields.clear(),
    lambda s: s.fields.__delitem__("label"),
])  # fmt: skip
def test_who_changes_its_fields_changes_them_for_itself_only(change):
    before = library.ShelfSerializer(data={"rank": 1})
    changed = library.ShelfSerializer(data={"rank": 1})
    change(changed)
    assert "label" not in changed.fields or changed.is_valid() or "label" in changed.errors
    for serializer in (before, library.ShelfSerializer(data={"rank": 1})):
        assert not serializer.is_valid()
        assert [*serializer.errors] == ["label"]
    assert len(changed.fields) in {0, 12, 13}


def test_who_goes_through_all_fields_goes_through_its_own():
    changed: Any = library.ShelfSerializer(data={"rank": 1})
    for field in changed.fields.values():
        field.required = False
        field.validators.clear()
        field.error_messages.clear()
    assert changed.is_valid()
    other = library.ShelfSerializer(data={"rank": "x"})
    assert not other.is_valid()
    assert [*other.errors] == ["label", "rank"]


def test_messages_are_in_the_language_of_whoever_reads_them():
    said: dict[str, set[str]] = {}
    for language in ("en", "de", "en", "fr", "de"):
        with languages(), translation.override(language):
            serializer = library.ShelfSerializer(data={"label": "x" * 31, "rank": "x"})
            assert not serializer.is_valid()
            said.setdefault(language, set()).add(str(dict(serializer.errors)))
    assert {language: len(texts) for language, texts in said.items()} == {"en": 1, "de": 1, "fr": 1}
    assert len(set.union(*said.values())) == 3


def test_a_default_that_can_change_is_not_shared():
    class Loose(library.ShelfSerializer):
        note = serializers.JSONField(default={"a": []})

        class Meta:
            model = Shelf
            fields = ["label", "note"]

    assert "note has a default that can change" in reasons(Loose)
    first: Any = Loose(data={"label": "one"})
    assert first.is_valid()
    first.validated_data["note"]["a"].append("kept")
    second: Any = Loose(data={"label": "two"})
    assert second.is_valid()
    assert second.validated_data["note"] == {"a": []}


def test_shared_fields_are_told_from_their_kind_by_none_holds():
    ours, stock = inner(library.ShelfSerializer())[1], serializers.CharField()
    assert isinstance(ours, serializers.CharField)
    assert type(ours).__name__ == type(stock).__name__
    assert [repr(field) for field in inner(library.ShelfSerializer())] == [
        repr(field) for field in library.DynamicSerializer().fields.values()
    ]


def reasons(kind):
    with pytest.raises(StepAside) as raised:
        check_own_fields(kind)
        check_shareable(kind, kind().fields)
    return str(raised.value)


def test_fields_that_are_not_shared_say_why():
    class Remembering(serializers.CharField):
        def to_internal_value(self, data):
            self.last = data
            return data

    class WithMemory(SharedFields, serializers.ModelSerializer):
        label: Any = Remembering()

        class Meta:
            model = Shelf
            fields = ["label"]

    class Chosen(library.ShelfSerializer):
        def get_field_names(self, *args):
            return ["id"]

    assert reasons(WithMemory).endswith("to_internal_value changes its last")
    assert reasons(library.SignedSerializer).endswith("to_internal_value looks at its context")
    assert "run_validation is its own" in reasons(library.CountingSerializer)
    assert "get_field_names is its own" in reasons(Chosen)
    assert "__init__ is its own" in reasons(library.DynamicSerializer)
    assert reasons(library.OwnedBookSerializer) == "author is a PrimaryKeyRelatedField"
    assert reasons(library.AuthorSerializer).startswith("name has a validator")
    with only(()):
        assert reasons(library.ShelfSerializer) == "the setting SPEEDUPS leaves out 'fields'"


def test_fields_of_classes_that_are_made_for_one_request_are_let_go(monkeypatch):
    monkeypatch.setattr(shared_fields, "MOST_CLASSES", 3)
    for number in range(9):
        kind: Any = type(f"Made{number}", (library.ShelfSerializer,), {})
        assert inner(kind(data=GOOD)) == inner(kind(data=GOOD))
        assert len(shared_fields._shared) <= 3


def test_threads_that_share_them_get_each_their_own_answer():
    start = threading.Barrier(4)

    def validate(number):
        start.wait()
        seen = []
        for turn in range(100):
            good, partial = turn % 2 == 0, number % 2 == 0
            data = {"label": f"t{number}-{turn}" if good else "x", "rank": number}
            serializer = library.ShelfSerializer(data=data, partial=partial)
            seen.append((good, serializer.is_valid(), serializer.validated_data.get("label")))
        return number, seen

    with ThreadPoolExecutor(4) as pool:
        for number, seen in pool.map(validate, range(4)):
            assert seen == [
                (turn % 2 == 0, turn % 2 == 0, None if turn % 2 else f"t{number}-{turn}")
                for turn in range(100)
            ]
