"""What stands around statements and values: a project's code, libraries, threads."""

import threading
from typing import Any
from unittest import mock

import pytest
from django.db import connection, connections, models
from django.db.models import F, Func
from django.db.models.signals import post_init
from django.db.models.sql.compiler import SQLCompiler
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from psycopg import postgres
from psycopg.types.numeric import FloatLoader
from psycopg.types.string import TextLoader
from rest_framework import serializers
from rest_framework.utils.encoders import JSONEncoder

from drf_speedups.representation import lazy
from tests.speedups.library.related_models import Article, Editor, Note, Topic
from tests.speedups.representation.asking import assert_same, view_of
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


class Doubled(Func):
    """Has a value of its own in Python."""

    template = "%(expressions)s"
    output_field = models.IntegerField()

    def convert_value(self, value, _expression, _connection):
        """Return twice what was fetched."""
        return 2 * value


@pytest.mark.parametrize("computed", [F("level"), Doubled("level")])
@pytest.mark.parametrize("name", ["of", "col1", "col2", "col99", "a" * 64])
@pytest.mark.parametrize("shown", [("id",), ("id", "it")])
def test_what_a_query_computes_has_any_name_and_any_value(computed, name, shown):
    kind = serializer(Article, *shown, **{
        one: serializers.IntegerField(source=name) for one in shown if one == "it"})  # fmt: skip
    named = {name: computed, f"{name}_": F("id")}
    rows_of = {"get_queryset": lambda _self: Article.objects.annotate(**named)}
    assert_same(view_of(serializer_class=kind, **rows_of))


@pytest.mark.parametrize("path", ["/", "/?%66ormat=xml", "/?forma%74=json", "/?format=xml"])
@pytest.mark.parametrize("changed", [None, "format=xml", "a=1"])
def test_a_format_is_found_however_it_is_named(settings, path, changed):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "URL_FORMAT_OVERRIDE": "format"}
    view = view_of()

    def ask():
        request = factory.get(path, HTTP_ACCEPT="application/json")
        if changed is not None:
            request.GET = QueryDict(changed)  # as a middleware may do
        response = view(request)
        getattr(response, "render", lambda: None)()  # errors are answered by the project
        return response.status_code, response.content

    with installed():
        answered(view)
        ours = ask()
    assert ours == ask()


def test_what_others_make_of_a_statement_is_not_remembered():
    view, sent, number = view_of(Spec(pages="numbers")), [], 0

    def comment(execute, text, *others):
        return execute(f"{text} /* {number} */", *others)

    def note(execute, text, *others):
        sent.append(text)
        return execute(text, *others)

    with installed(), connection.execute_wrapper(comment), connection.execute_wrapper(note):
        for _ in range(3):
            number += 1
            answered(view)
    assert [text.partition("/*")[2] for text in sent] == [
        f" {one} */" for one in (1, 1, 2, 2, 3, 3)
    ]


@pytest.mark.parametrize("rows", ["all", "beside"])
def test_who_runs_django_s_queries_otherwise_is_asked_each_time(rows):
    view, stock, asked = view_of(Spec(pages="numbers", rows=rows)), SQLCompiler.execute_sql, []

    def execute_sql(self, *args, **kwargs):
        asked.append(self)
        return stock(self, *args, **kwargs)

    with mock.patch.object(SQLCompiler, "execute_sql", execute_sql):
        expected = [answered(view), answered(view)], len(asked)
        asked.clear()
        with installed():
            assert ([answered(view), answered(view)], len(asked)) == expected


def test_a_list_that_threads_share_is_made_by_one_of_them():
    begun, go_on, found = threading.Event(), threading.Event(), []

    def make():
        begun.set()
        go_on.wait(10)
        return [1]

    rows = Article.objects.all()
    view = view_of(get_queryset=lambda _self: rows)
    with installed():
        view(factory.get("/", HTTP_ACCEPT="application/json")).render()
    shared = rows._result_cache
    assert isinstance(shared, lazy.LazyList)
    shared.make, shared.then = make, None
    threads = [threading.Thread(target=lambda: found.append([*shared])) for _ in range(2)]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    threads[1].join(0.05)
    go_on.set()
    for one in threads:
        one.join()
    assert found == [[1], [1]]


def test_a_database_that_nobody_uses_need_not_be_there():
    nowhere = {**connections.settings["default"], "ENGINE": "nothing.there"}
    with mock.patch.dict(connections.settings, {"nowhere": nowhere}):
        assert_same(view_of(Spec(pages="numbers")))


class Loud(TextLoader):
    """Reads texts loudly."""

    def load(self, data):
        """Return them in capitals."""
        return super().load(data).upper()


@pytest.mark.parametrize("shown", ["title", "author", "extra", "topics in full", "price"])
@pytest.mark.parametrize("rows", ["all", "joined", "beside"])
@pytest.mark.parametrize(("kind", "loader"), [("varchar", Loud), ("numeric", FloatLoader)])
def test_values_that_a_project_s_own_loader_makes_are_shown(shown, rows, kind, loader):
    connection.ensure_connection()
    adapters = connection.connection.adapters
    stock = adapters.get_loader(postgres.types[kind].oid, 0)
    adapters.register_loader(kind, loader)
    Article.objects.filter(id=1).update(price="123456.70")
    try:
        view = view_of(Spec(shown=("id", shown), rows=rows))
        expected = answered(view)
        with installed(), CaptureQueriesContext(connection) as queries:
            assert answered(view) == expected
        with CaptureQueriesContext(connection) as asked:
            answered(view)
        assert len(queries) <= len(asked)
    finally:
        adapters.register_loader(kind, stock)


def test_what_a_project_s_own_encoder_makes_is_shown():
    view = view_of(Spec(shown=("id", "raw token", "token")))
    with mock.patch.object(JSONEncoder, "default", lambda _self, value: f"own {value}"):
        assert_same(view, times=1)


class Turned(serializers.ModelSerializer):
    """Changes its fields when it is made."""

    class Meta:
        model = Article
        fields = ("id", "title", "body", "level")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["title"].source = "body"
        self.fields["body"].source_attrs = ["title"]
        level: Any = self.fields["level"]
        level.get_attribute = lambda row: -row.level


def test_fields_that_are_changed_when_a_serializer_is_made_are_shown_as_they_are():
    for action, named in (("list", {}), ("retrieve", {"pk": 3})):
        assert_same(view_of(action=action, serializer_class=Turned), **named)


@pytest.mark.parametrize("rows", ["joined", "joined twice", "beside, to one", "beside"])
@pytest.mark.parametrize("model", [Article, Editor, Note, Topic])
def test_every_object_that_is_fetched_is_heard_of(rows, model):
    view, heard = view_of(Spec(rows=rows)), []

    def hear(instance, **_kwargs):
        heard.append(instance.pk)

    post_init.connect(hear, sender=model)
    try:
        expected = answered(view), [*heard]
        heard.clear()
        with installed():
            found = view(factory.get("/", HTTP_ACCEPT="application/json")).render().content
    finally:
        post_init.disconnect(hear, sender=model)
    assert (found, heard) == (expected[0][2], expected[1])
