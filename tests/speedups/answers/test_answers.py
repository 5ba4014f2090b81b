"""Finished answers are the framework's answers; whatever is not plain is left to it."""

from typing import Any

import pytest
from django.db.models import F, QuerySet
from django.test import RequestFactory
from rest_framework import serializers
from rest_framework.filters import SearchFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import DjangoObjectPermissions, IsAuthenticated
from rest_framework.throttling import AnonRateThrottle
from rest_framework.viewsets import ModelViewSet

from crud.models import Item
from crud.serializers import ItemSerializer
from crud.views import ItemViewSet
from drf_speedups.answers import FinishedAnswers, explained
from drf_speedups.writes import SingleStatementWrites

COLLECTION: Any = {"get": "list", "post": "create"}
DETAIL: Any = {"get": "retrieve", "delete": "destroy"}


class StockSerializer(ItemSerializer):
    fields = serializers.Serializer.__dict__["fields"]  # built for each request, as ever


class StockViewSet(SingleStatementWrites, ModelViewSet):
    queryset = ItemViewSet.queryset
    serializer_class = StockSerializer
    pagination_class = ItemViewSet.pagination_class
    get_success_headers = ItemViewSet.get_success_headers


NAMES = ["plain", "Ünïcödé 漢字 🦄", 'quote " back \\ slash /', "tab\tline\nbell\x07", "<&>'%s%%",
         "x\u2028\u2029", "\x7f\x80", "{}[]:,"]  # fmt: skip


@pytest.fixture
def rows(db):
    rows = [Item.objects.create(name=name, description=name * 2, price="0.10") for name in NAMES]
    Item.objects.filter(pk=rows[0].pk).update(
        created_at="2026-01-02T03:04:05Z", updated_at="2026-01-02T03:04:05.000100Z"
    )
    Item.objects.filter(pk=rows[1].pk).update(price="99999999.99", quantity=2**31 - 1)
    return [row.pk for row in rows]


def answer(view_set, method, path, *, pk=None, body=None, **headers):
    actions = COLLECTION if pk is None else DETAIL
    content = {} if body is None else {"data": body, "content_type": "application/json"}
    request = getattr(RequestFactory(), method)(path, **content, **headers)
    found = view_set.as_view(actions)(request, **({} if pk is None else {"pk": str(pk)}))
    if hasattr(found, "render"):
        found.render()
    return found


def assert_same(method, path, **how):
    ours, stock = (answer(one, method, path, **how) for one in (ItemViewSet, StockViewSet))
    assert ours.status_code == stock.status_code
    assert dict(ours.items()) == dict(stock.items())
    assert ours.content == stock.content
    return ours


def test_every_row_is_written_byte_for_byte_as_the_framework_writes_it(rows):
    for pk in rows:
        assert assert_same("get", f"/items/{pk}/", pk=pk).status_code == 200


@pytest.mark.parametrize("pk", ["0", "999999999", "9" * 19, "9223372036854775807", "000"])
def test_a_key_without_a_row_is_not_found(rows, pk):
    assert assert_same("get", f"/items/{pk}/", pk=pk).status_code == 404


@pytest.mark.parametrize("query", [
    "", "?limit=3", "?limit=100", "?limit=0", "?limit=x", "?cursor=x", "?limit=2&limit=3",
    "?limit=3&colour=red", "?limit=%33", "?cursor=&limit=3",
])  # fmt: skip
@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/csv", "application/*"])
def test_a_page_is_the_framework_s_whatever_was_asked(rows, query, accept):
    assert_same("get", f"/items/{query}", HTTP_ACCEPT=accept)


def test_pages_link_to_each_other_as_the_framework_s_do(rows):
    path, seen = "/items/?limit=3", []
    while path:
        page = assert_same("get", path)
        seen += [row["id"] for row in answer(StockViewSet, "get", path).data["results"]]
        path = answer(StockViewSet, "get", path).data["next"]
        path = path and path.removeprefix("http://testserver")
    assert seen == sorted(rows, reverse=True)
    assert page.status_code == 200


def test_an_empty_table_has_an_empty_page(db):
    assert_same("get", "/items/")


@pytest.mark.parametrize("body", [
    '{"name": " A ", "price": "1"}', '{"name": "A", "price": 1.5, "quantity": 7, "id": 99}',
    '{"name": "A\\u2028", "price": "99999999.99", "description": " kept "}',
    '{"name": "A", "price": 1e1}', '{"name": "", "price": 1}', '{"name": "A"}', "[]", "nonsense",
    '{"name": "A", "price": -1}', '{"name": "A", "price": 1, "x": 1}',
    '{"name": "\\u0000", "price": 1}',
])  # fmt: skip
def test_a_new_row_is_answered_and_stored_as_by_the_framework(db, body):
    results = []
    for view_set in (ItemViewSet, StockViewSet):
        found = answer(view_set, "post", "/items/", body=body)
        row = Item.objects.values("name", "description", "price", "quantity").first()
        results.append((found.status_code, sorted(found.headers), row))
        if found.status_code == 201:
            key = Item.objects.get().pk
            assert found["Location"] == f"/items/{key}/"
            assert found.content == answer(StockViewSet, "get", "/items/", pk=key).content
            Item.objects.all().delete()
    assert results[0] == results[1]


def test_a_row_is_deleted_once(rows):
    assert answer(ItemViewSet, "delete", "/items/", pk=rows[0]).status_code == 204
    assert answer(ItemViewSet, "delete", "/items/", pk=rows[0]).status_code == 404
    assert_same("delete", "/items/", pk=rows[0])


class WithMethodField(ItemSerializer):
    extra = serializers.SerializerMethodField()

    class Meta(ItemSerializer.Meta):
        fields = [*ItemSerializer.Meta.fields, "extra"]

    def get_extra(self, row):
        return row.pk


class WithRepresentation(ItemSerializer):
    def to_representation(self, instance):
        return {"id": instance.pk}


class Patient(QuerySet):
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"serializer_class": WithMethodField}, "extra is no column"),
    ({"serializer_class": WithRepresentation}, "to_representation is its own"),
    ({"queryset": Item.objects.annotate(twice=F("id") * 2)}, "annotated"),
    ({"queryset": Item.objects.distinct()}, "cut"),
    ({"get_queryset": lambda self: Item.objects.all()}, "get_queryset is its own"),
    ({"get_serializer_class": lambda self: ItemSerializer}, "get_serializer_class is its own"),
    ({"get_object": lambda self: Item.objects.first()}, "get_object is its own"),
    ({"retrieve": lambda self, request, pk: None}, "retrieve is its own"),
    ({"filter_backends": [SearchFilter]}, "filter backends"),
    ({"throttle_classes": [AnonRateThrottle]}, "on"),  # the framework counts around it
    ({"lookup_field": "name"}, "primary key"),
    ({"queryset": Item.objects.select_for_update()}, "locks"),
    ({"queryset": Item.objects.extra(select={"one": "1"})}, "selects more"),
    ({"queryset": Patient(Item)}, "the queryset has its own get"),
    ({"paginator": None, "pagination_class": None}, "on"),
    ({"http_method_names": ["post"]}, "http_method_names"),
    ({"permission_classes": [DjangoObjectPermissions]}, "DjangoObjectPermissions looks at rows"),
])  # fmt: skip
def test_what_is_not_plain_steps_aside_and_says_why(changes, reason):
    view_set = type("Other", (FinishedAnswers, ModelViewSet), dict(vars(StockViewSet)) | changes)
    assert reason in dict(explained(view_set))["retrieve"]


def test_other_pages_and_other_ways_to_save_step_aside():
    own = {
        "pagination_class": PageNumberPagination,
        "perform_create": lambda self, serializer: None,
    }
    view_set = type("Other", (FinishedAnswers, ModelViewSet), dict(vars(StockViewSet)) | own)
    reasons = dict(explained(view_set))
    assert reasons["list"].startswith("pages are not keyset pages")
    assert "perform_create is its own" in reasons["create"]
    assert reasons["destroy"].startswith("rows are fetched before they are deleted")


def test_permissions_are_asked_before_an_answer(rows):
    view_set = type("Closed", (ItemViewSet,), {"permission_classes": [IsAuthenticated]})
    assert answer(view_set, "get", "/items/", pk=rows[0]).status_code in {401, 403}
    opened = ItemViewSet.as_view(DETAIL, permission_classes=[IsAuthenticated])
    assert opened(RequestFactory().get("/"), pk=str(rows[0])).status_code in {401, 403}


def test_nothing_steps_aside_in_our_own_view_set():
    assert set(dict(explained(ItemViewSet)).values()) == {"on"}
