"""Related rows whose order has SQL of a project's own are sorted as they are now."""

from contextvars import ContextVar
from typing import Any

import pytest
from django.db.models import CharField, Func
from rest_framework import generics, serializers

from tests.speedups.library.related_models import Article, Topic
from tests.speedups.representation.comparing import answered, installed, seed

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
LANGUAGE = ContextVar("LANGUAGE", default="en")


class InLanguage(Func):
    """A column as the language of the request sorts it."""

    output_field = CharField()

    def as_sql(self, compiler, *_args, **_kwargs):
        """Return SQL without a value, that tells languages apart."""
        sql, values = compiler.compile(self.source_expressions[0])
        return (f"md5({sql})" if LANGUAGE.get() == "de" else sql), values


class Topics(serializers.ModelSerializer):
    """What is sorted."""

    class Meta:
        model = Topic
        fields = ("id", "word")


class Nested(serializers.ModelSerializer):
    """Whose they are."""

    topics = Topics(many=True)

    class Meta:
        model = Article
        fields = ("id", "topics")


@pytest.mark.parametrize("fetched", [(), ("topics",)])
def test_related_rows_are_sorted_as_they_are_now(monkeypatch, fetched):
    seed()
    for number in range(9):
        Article.objects.get(pk=1).topics.add(
            Topic.objects.create(pk=100 + number, word=f"word {number}")
        )
    monkeypatch.setattr(Topic._meta, "ordering", [InLanguage("word").asc(), "id"])
    rows = Article.objects.order_by("id").prefetch_related(*fetched)
    members = {"queryset": rows, "serializer_class": Nested, "authentication_classes": (),
               "permission_classes": (), "pagination_class": None}  # fmt: skip
    listed: Any = type("Listed", (generics.ListAPIView,), members)
    view = listed.as_view()

    def in_each():
        for language in ("en", "de", "en"):
            LANGUAGE.set(language)
            yield answered(view, "/")

    stock = [*in_each()]
    assert stock[0] != stock[1]
    with installed():
        assert [*in_each()] == stock
