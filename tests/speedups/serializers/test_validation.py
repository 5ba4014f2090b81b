"""What the quick check lets through is what the serializer makes of it; the rest is left to it."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from crud.serializers import ItemSerializer
from drf_speedups.eligibility import StepAside
from drf_speedups.serializers.validation import Validation

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(),
    st.integers(-5, 120).map(str), st.decimals(allow_nan=False, places=2).map(str),
    st.sampled_from(["", " ", " a ", "\0", "\ud800", "x" * 100, "x" * 101, "1e3", "1.005", [], {}]),
)  # fmt: skip
BODIES = st.dictionaries(st.sampled_from([*ItemSerializer().fields, "unknown"]), SCALARS)


@pytest.mark.parametrize("partial", [False, True])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES)
def test_it_never_finds_other_values_than_the_serializer(partial, body):
    found = Validation(ItemSerializer(partial=partial)).values(body)
    if found is not None:
        assert found == ItemSerializer(partial=partial).run_validation(body)


def test_a_plain_body_is_checked_without_the_serializer():
    check = Validation(ItemSerializer())
    found = check.values({"name": " A ", "price": "1.5", "id": 7})
    assert found == {"name": "A", "description": "", "price": Decimal("1.50"), "quantity": 0}
    assert check.values({"name": "A", "price": "1.5", "unknown": 1}) is None
    assert Validation(ItemSerializer(partial=True)).values({"quantity": 3}) == {"quantity": 3}


class Optional(serializers.Serializer):
    note = serializers.CharField(required=False)
    count = serializers.IntegerField(default=lambda: 7)


def test_an_optional_field_is_left_out_and_a_default_is_filled_in():
    assert Validation(Optional()).values({}) == Optional().run_validation({}) == {"count": 7}


class OwnRun(serializers.CharField):
    def run_validation(self, data=None):
        return "own"


class OwnField(serializers.Serializer):
    field = OwnRun()


class OwnSerializer(serializers.Serializer):
    field = serializers.CharField()

    def to_internal_value(self, data):
        return {}


class ByContext:
    requires_context = True

    def __call__(self, value, field):
        pass


class Looking(serializers.Serializer):
    field = serializers.CharField(validators=[ByContext()])


class Nested(serializers.Serializer):
    field = Optional()


@pytest.mark.parametrize("kind", [OwnField, OwnSerializer, Looking, Nested])
def test_what_is_not_plain_steps_aside(kind):
    with pytest.raises(StepAside):
        Validation(kind())
