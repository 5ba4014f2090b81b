"""Relations of every kind that are prefetched go as with stock."""

from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from rest_framework import renderers, serializers, viewsets

from drf_speedups.representation.sql import rows
from tests.speedups.library.club_models import (
    Bar,
    Booking,
    Drink,
    Guest,
    Regular,
    Sale,
    Seat,
    Stock,
    Venue,
)
from tests.speedups.representation.comparing import factory, installed

pytestmark = pytest.mark.django_db


def serializer(row_class: Any, *shown: str, **declared: Any) -> Any:
    meta = type("Meta", (), {"model": row_class, "fields": [*shown, *declared]})
    return type(row_class.__name__, (serializers.ModelSerializer,), {"Meta": meta, **declared})


GUEST = serializer(Guest, "name", "bar")
VENUE = serializer(Venue, "name")
NEAR = serializer(Venue, "name", near=VENUE(many=True))
BAR = serializer(Bar, "name", "number", near=VENUE(many=True))
DRINK = serializer(Drink, "name", bar_set=BAR(many=True))
SHOWN: dict[str, tuple[Any, tuple[str, ...], Any]] = {
    "near": (Venue, ("near",), NEAR),
    "twice near": (Venue, ("near__near",), serializer(Venue, "name", near=NEAR(many=True))),
    "between": (Bar, ("drinks__bar_set__near",), serializer(Bar, "name", drinks=DRINK(many=True))),
    "inherited": (Bar, ("near", "host"), serializer(
        Bar, "near", host=GUEST(), names=serializers.SlugRelatedField(
            "name", source="near", many=True, read_only=True))),
    "by number": (Bar, ("guest_set",), serializer(
        Bar, "number", guest_set=serializer(Guest, "name", "home")(many=True))),
    "reversed": (Drink, ("bar_set__near", "guest_set"), serializer(
        Drink, "name", "guest_set", bar_set=BAR(many=True))),
    "to number": (Guest, ("bar__near", "favourite__bar_set__near"), serializer(
        Guest, "name", bar=BAR(), favourite=DRINK(),
        at=serializers.CharField(source="bar.name", allow_null=True))),
    "home": (Guest, ("home__near",), serializer(
        Guest, "name", home=NEAR())),
    "proxy": (Regular, ("bar__drinks__guest_set", "home"), serializer(
        Regular, "name", "home", bar=serializer(Bar, drinks=serializer(
            Drink, "name", guest_set=GUEST(many=True))(many=True))())),
}  # fmt: skip
LEFT = {
    "number of the row above": (Bar, ("guest_set",), serializer(
        Bar, "number", guest_set=GUEST(many=True))),
    "back again": (Guest, ("home__host",), serializer(Guest, "name", home=serializer(
        Venue, "name", host=GUEST())())),
    "back without a lookup": (Guest, ("home",), serializer(Guest, "name", home=serializer(
        Venue, "name", host=GUEST())())),
    "no number": (Bar, ("sold",), serializer(Bar, "name", "sold")),
    "a key of two columns": (Seat, ("booking_set",), serializer(Seat, "number", "booking_set")),
    "many for one": (Guest, ("favourite",), serializer(
        Guest, favourite=serializer(Drink, "name")(many=True))),
}  # fmt: skip


@pytest.fixture(autouse=True)
def club(db):
    drinks = [Drink.objects.create(name=name) for name in ("tea", "ale", "rum")]
    venues = [Venue.objects.create(name=f"venue {n}") for n in range(3)]
    bars = [Bar.objects.create(name=f"bar {n}", number=number) for n, number in
            enumerate((7, None, -3))]  # fmt: skip
    bars[0].near.set([*venues, bars[1]])
    venues[2].near.add(bars[2], venues[0])
    for bar, drink in ((0, 2), (0, 0), (2, 1), (0, 2)):
        Stock.objects.create(bar=bars[bar], drink=drinks[drink], instead_of=drinks[1])
    Sale.objects.create(bar=bars[0], drink=drinks[1])
    Booking.objects.create(seat=Seat.objects.create(row=1, place=2, number=3))
    for n in range(6):
        Guest.objects.create(
            name=f"guest {n}", bar_id=(7, None, -3)[n % 3], favourite=[*drinks, None][n % 4],
            home=[venues[0], bars[0], None, bars[2], None, None][n],
        )  # fmt: skip


def asked(row_class, lookups, shown, look=True):
    """Return the body of a list, its data where one looks, and how many queries there were."""
    view: Any = type("Drawn", (viewsets.ModelViewSet,), {
        "queryset": row_class.objects.order_by("pk").prefetch_related(*lookups),
        "serializer_class": shown, "renderer_classes": [renderers.JSONRenderer],
        "permission_classes": [], "pagination_class": None,
    })  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        response = view.as_view({"get": "list"})(factory.get("/"))
        response.render()
        data = look and repr(response.data)
    return response.content, data, len(queries)


@pytest.mark.parametrize("name", SHOWN)
def test_a_relation_that_is_prefetched_is_written_as_stock_shows_it(monkeypatch, name):
    found = []
    stock = rows.finished

    def finished(*args):
        found.append(stock(*args))
        return found[0]

    monkeypatch.setattr(rows, "finished", finished)
    with installed():
        *ours, number = asked(*SHOWN[name])
    *stock, most = asked(*SHOWN[name])
    assert found[0] is not None
    assert b'name":"' in ours[0]
    assert ours == stock
    assert number <= most


@pytest.mark.parametrize("look", [True, False])
@pytest.mark.parametrize("name", LEFT)
def test_a_relation_that_leads_elsewhere_than_it_says_is_left_to_the_framework(name, look):
    def outcome():
        try:
            return asked(*LEFT[name], look=look)
        except (TypeError, ValueError) as error:
            return str(error)

    with installed():
        ours = outcome()
    assert ours == outcome()


def test_a_row_that_is_referred_to_from_beside_is_shown_as_it_was_fetched():
    def changing(execute, sql, *others):
        if "venue" in sql and "guest" not in sql.partition("FROM")[0]:
            Guest.objects.update(name="changed")
        return execute(sql, *others)

    def outcome():
        with connection.execute_wrapper(changing), transaction.atomic():
            answer = asked(*LEFT["back without a lookup"])[0]
            transaction.set_rollback(True)
        return answer

    with installed():
        ours = outcome()
    assert b"changed" not in ours
    assert ours == outcome()


@pytest.mark.parametrize(("order", "at_once"), [
    (["name"], False), (["home"], False), (["-favourite_id"], False), ([], False),
    ([F("id").asc()], False), (["name", "-id"], True), (["home_id"], False), (["pk"], True),
])  # fmt: skip
def test_rows_that_may_stand_in_any_order_are_asked_for_row_by_row(order, at_once):
    shown = serializer(Drink, guest_set=serializer(Guest, "name", "home", "bar")(many=True))
    with mock.patch.object(Guest._meta, "ordering", order):
        with installed():
            *ours, number = asked(Drink, (), shown, look=False)
            assert rows.why_not(shown, Drink) == ""
        *stock, most = asked(Drink, (), shown, look=False)
    assert ours == stock
    assert number == (1 if at_once else 1 + Drink.objects.count()) <= most


def test_a_row_whose_key_is_null_asks_for_none():
    shown = serializer(Bar, "name", guest_set=serializer(Guest, "name")(many=True))
    with mock.patch.object(Guest._meta, "ordering", []):
        with installed():
            ours = asked(Bar, (), shown, look=False)
            assert rows.why_not(shown, Bar) == ""
        assert ours == asked(Bar, (), shown, look=False)
    assert Bar.objects.filter(number=None).exists()


@pytest.mark.parametrize("kind", [ValueError, TypeError])
def test_an_error_of_who_watches_the_statements_for_one_row_ends_the_answer(kind):
    def refusing(execute, sql, *others):
        seen.append(sql)
        if len(seen) == 3:
            raise kind("enough")
        return execute(sql, *others)

    shown = serializer(Drink, guest_set=serializer(Guest, "name", "home", "bar")(many=True))
    seen: list[str] = []
    with mock.patch.object(Guest._meta, "ordering", []), installed(), connection.execute_wrapper(
        refusing
    ), pytest.raises(kind, match="enough"):  # fmt: skip
        asked(Drink, (), shown)
    assert len(seen) == 3


def test_rows_within_rows_that_may_stand_in_any_order_are_asked_for_row_by_row():
    bars = serializer(Bar, "name", guest_set=serializer(Guest, "name", "home")(many=True))
    shown = serializer(Drink, "name", bar_set=bars(many=True))
    with mock.patch.object(Guest._meta, "ordering", []), mock.patch.object(
        Bar._meta, "ordering", []
    ):  # fmt: skip
        with installed():
            ours = asked(Drink, (), shown)
            assert rows.why_not(shown, Drink) == ""
        assert ours == asked(Drink, (), shown)


def test_rows_with_ties_are_in_the_order_of_a_query_of_their_own():
    """Most guests have one favourite: PostgreSQL finds theirs in another way than anybody's."""
    tea = Drink.objects.get(name="tea")
    Guest.objects.bulk_create(
        Guest(name=f"{n % 3}", favourite_id=tea.pk + (n % 50 == 0)) for n in range(5000)
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("CREATE INDEX ON library_guest (name, id DESC)")
        cursor.execute("ANALYZE library_guest")
    shown = serializer(Drink, guest_set=serializer(Guest, "id")(many=True))
    with mock.patch.object(Guest._meta, "ordering", ["name"]):
        stock = asked(Drink, (), shown)
        with installed():
            assert asked(Drink, (), shown) == stock
