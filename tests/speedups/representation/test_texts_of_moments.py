"""A moment's text is the framework's, whoever has chosen which zone, and how a field is told."""

import contextvars
import threading
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import timezone as offset
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from asgiref.local import Local
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import DateTimeField

from drf_speedups.eligibility.looked_at import unchanged
from drf_speedups.representation import surroundings
from drf_speedups.representation.moments import shown
from tests.speedups.library.related_models import Editor
from tests.speedups.representation.asking import view_of
from tests.speedups.representation.comparing import answered, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import serializer

BERLIN, MOMENT = ZoneInfo("Europe/Berlin"), datetime(2026, 3, 29, 0, 59, 59, 120, tzinfo=UTC)

IN_BERLIN = "2026-03-29T01:59:59.000120+01:00"


class Odd(tzinfo):
    """A project's own zone, which says that it is UTC and is not."""

    def utcoffset(self, moment):
        return timedelta(0) if moment is None else timedelta(hours=1)

    def dst(self, moment):
        return timedelta(0)

    def fromutc(self, moment):
        return moment + timedelta(hours=1)

    def tzname(self, moment):
        return "odd"


class Later(datetime):
    """A moment that is written in its own way."""

    def isoformat(self, *args):
        return "later"


ZONES = [UTC, ZoneInfo("UTC"), ZoneInfo("Etc/GMT"), BERLIN, offset(timedelta(hours=-5)), Odd()]
values = st.one_of(
    st.datetimes(timezones=st.sampled_from([None, UTC, UTC, *ZONES]), allow_imaginary=True),
    st.sampled_from([None, "", "now", 7, date(2026, 3, 29), datetime.max.replace(tzinfo=UTC),
                     datetime.min.replace(tzinfo=UTC), Later(2026, 3, 29, tzinfo=UTC)]),
)  # fmt: skip
ways = st.sampled_from([{}, {}, {"format": None}, {"format": "%d.%m."}, {"format": "ISO-8601"},
                        {"default_timezone": BERLIN}, {"default_timezone": UTC}])  # fmt: skip
choices = st.sampled_from(["never", "unchosen", *ZONES])
formats = st.sampled_from(["iso-8601", "iso-8601", "ISO-8601", "%c", None])


def outcome(show, value):
    try:
        return repr(show(value))
    except (ValidationError, AttributeError, TypeError, ValueError) as error:
        return repr(error)


def activated(zone):
    """Let a thread's zone be chosen; for `unchosen` it was and is no more."""
    timezone.activate(UTC if zone == "unchosen" else zone)
    if zone == "unchosen":
        timezone.deactivate()


@given(values, choices, st.sampled_from(["UTC", "Europe/Berlin"]), st.booleans(), ways, formats)
def test_any_value_is_written_as_ever(value, chosen, default, use_tz, way, form):
    def compare():
        if chosen != "never":
            activated(chosen)
        field = DateTimeField(**way)
        field.field_name = "it"
        assert outcome(shown(field), value) == outcome(field.to_representation, value)

    told = {"TIME_ZONE": default, "USE_TZ": use_tz, "REST_FRAMEWORK": {"DATETIME_FORMAT": form}}
    with override_settings(**told):
        contextvars.Context().run(compare)  # which nobody has chosen a zone in


def is_ours(value=MOMENT):
    """Tell whether a value is written without the framework's code."""
    show = shown(DateTimeField())
    with mock.patch.object(timezone, "is_aware", side_effect=timezone.is_aware) as asked:
        found = show(value)
    assert found == DateTimeField().to_representation(value)
    return not asked.called


@pytest.mark.parametrize("chosen", ["never", "unchosen", UTC, ZoneInfo("UTC"), ZoneInfo("Etc/GMT")])
def test_moments_in_utc_are_ours(chosen):
    def ask():
        if chosen != "never":
            activated(chosen)
        return is_ours()

    assert contextvars.Context().run(ask)


@pytest.mark.parametrize(("value", "zone", "form"), [
    (Later(2026, 3, 29, tzinfo=UTC), UTC, "iso-8601"), (MOMENT.astimezone(BERLIN), UTC, "iso-8601"),
    (MOMENT.replace(tzinfo=None), UTC, "iso-8601"), (MOMENT, Odd(), "iso-8601"),
    (MOMENT, UTC, "%c"),
])  # fmt: skip
def test_others_are_the_framework_s(value, zone, form):
    with override_settings(REST_FRAMEWORK={"DATETIME_FORMAT": form}), timezone.override(zone):
        assert not is_ours(value)


@pytest.mark.parametrize("name", ["format", "timezone", "default_timezone", "enforce_timezone"])
def test_a_field_that_is_told_otherwise_later_is_asked(name):
    field = DateTimeField()
    show = shown(field)
    own = {"format": "%d.%m.", "timezone": BERLIN, "default_timezone": lambda: BERLIN,
           "enforce_timezone": lambda value: value + timedelta(1)}[name]  # fmt: skip
    setattr(field, name, own)
    assert (
        show(MOMENT) == field.to_representation(MOMENT) != DateTimeField().to_representation(MOMENT)
    )


def test_fields_of_a_class_or_with_a_method_of_their_own_are_asked():
    class Own(DateTimeField):
        def enforce_timezone(self, value):
            return value + timedelta(1)

    own = DateTimeField()
    vars(own)["to_representation"] = lambda _value: "mine"
    assert shown(Own())(MOMENT) == Own().to_representation(MOMENT)
    assert shown(own)(MOMENT) == "mine"
    with mock.patch.object(DateTimeField, "enforce_timezone", Own.enforce_timezone):
        assert not unchanged(DateTimeField).look()  # else it looks once a second
        assert shown(DateTimeField())(MOMENT) == DateTimeField().to_representation(MOMENT)
    assert unchanged(DateTimeField).look()


@pytest.mark.parametrize("name", ["get_current_timezone", "get_default_timezone", "_active"])
def test_who_stands_in_the_place_of_the_current_zone_is_asked(name):
    def compare():
        own: Any = lambda: BERLIN  # noqa: E731
        if name == "_active":
            own = Local()
            own.value = BERLIN
        with mock.patch.object(timezone, name, own):
            show = shown(DateTimeField())
            assert show(MOMENT) == DateTimeField().to_representation(MOMENT) == IN_BERLIN

    contextvars.Context().run(compare)


def test_where_the_current_zone_is_kept_is_known():
    """A newer asgiref may keep it elsewhere: then it is asked for as the framework does."""
    assert surroundings.CHOSEN is not None
    with mock.patch.object(surroundings, "ACTIVE", mock.Mock(_storage=mock.Mock(_data={}))):
        assert surroundings._kept_in() is None
    with mock.patch.object(surroundings, "CHOSEN", None), timezone.override(BERLIN):
        assert shown(DateTimeField())(MOMENT) == DateTimeField().to_representation(MOMENT)


def test_another_thread_s_zone_is_not_this_one_s():
    show, found = shown(DateTimeField()), []
    with timezone.override(BERLIN):
        thread = threading.Thread(target=lambda: found.append(show(MOMENT)))
        thread.start()
        thread.join()
        assert show(MOMENT).endswith("+01:00")
    assert found == ["2026-03-29T00:59:59.000120Z"]


@pytest.mark.django_db
@pytest.mark.parametrize(("action", "named"), [("list", {}), ("retrieve", {"pk": 2})])
def test_code_between_two_values_may_choose_another_zone(action, named):
    def turn(_self, row):
        timezone.activate(BERLIN if row.id % 2 else UTC)
        return row.id

    seed()
    Editor.objects.update(hired=MOMENT)
    kind = serializer(Editor, "a", "it", "b", it=serializers.SerializerMethodField(), get_it=turn,
                      a=DateTimeField(source="hired"), b=DateTimeField(source="hired"))  # fmt: skip
    view = view_of(
        Spec(),
        action,
        serializer_class=kind,
        get_queryset=lambda _self: Editor.objects.order_by("id"),
    )
    stock = contextvars.Context().run(answered, view, **named)
    with installed():
        assert contextvars.Context().run(answered, view, **named) == stock
    assert (b"+01:00" in stock[2]) is (action == "list")


@pytest.mark.parametrize(("name", "value"), [
    ("format", "%Y"), ("format", None), ("timezone", BERLIN), ("timezone", None),
])  # fmt: skip
def test_what_somebody_says_for_all_fields_holds_for_each(monkeypatch, name, value):
    monkeypatch.setattr(DateTimeField, name, value, raising=False)
    field = DateTimeField()
    assert outcome(shown(field), MOMENT) == outcome(field.to_representation, MOMENT)
