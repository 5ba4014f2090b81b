"""What stands around a list and has a say in its answer: a project's code, libraries, threads."""

import contextlib
import threading
from collections import OrderedDict
from typing import Any
from unittest import mock

import pytest
from django.db import connection, connections, models, router, transaction
from django.db.models import F, Func, Q
from django.db.models.signals import post_init
from django.db.models.sql.compiler import SQLCompiler
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from psycopg import postgres
from psycopg.types.numeric import FloatLoader
from psycopg.types.string import TextLoader
from rest_framework import renderers, serializers
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.representation import columns, lazy
from tests.speedups.library.related_models import Article, Editor, Note, Topic
from tests.speedups.representation import drawn
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import TOPIC, serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


def view_of(spec=None, action="list", mixin=object, **more):
    bases = tuple(one for one in (mixin, drawn.view_of(spec or Spec())) if one is not object)
    view: Any = type("View", bases, more)
    return view.as_view({"get": action})


def outcome(ask):
    """Return what is given, or the error in words; what it did to the database is undone."""
    try:
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            try:
                return ask(), len(queries)
            except Exception as error:  # noqa: BLE001
                return repr(error)
            finally:
                transaction.set_rollback(True)
    except transaction.TransactionManagementError as error:
        return repr(error)


def assert_same(view, path="/", times=2, **kwargs):
    stock = [outcome(lambda: answered(view, path, **kwargs)) for _ in range(times)]
    with installed():
        assert [outcome(lambda: answered(view, path, **kwargs)) for _ in range(times)] == stock


def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)


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


class Elsewhere:
    """Lists where other rows are to be seen, somewhere within its answer."""

    envelope: Any = dict

    def list(self: Any, request: Any) -> Any:
        """List what is to be seen now only."""
        with transaction.atomic():
            Editor.objects.update(name="seen here only")
            Topic.objects.update(word="seen here only")
            rows = self.filter_queryset(self.get_queryset())
            data = self.get_serializer(rows, many=True).data
            transaction.set_rollback(True)
        meta = self.envelope(within=self.envelope(rows=data, of=1), of=2)
        return Response(self.envelope(meta=meta, **self.more(data)))

    def more(self, data: Any) -> dict[str, Any]:
        """Return more of it."""
        return {"more": [data]}


class ElsewhereOnce(Elsewhere):
    """The same, once."""

    def more(self, data: Any) -> dict[str, Any]:
        """Return nothing."""
        return {}


@pytest.mark.parametrize("shown", [
    "author", "editor name", "editor in full", "topics", "topics in full", "hired", "staff",
    "reviewing", "note in full", "note and reply",
])  # fmt: skip
@pytest.mark.parametrize("rows", ["all", "joined", "beside", "beside, to one"])
def test_a_list_within_something_else_shows_what_was_to_be_seen(shown, rows):
    view = view_of(Spec(shown=("id", shown), rows=rows), mixin=Elsewhere)
    stock = answered(view)
    with installed():
        assert answered(view) == stock


@pytest.mark.parametrize("shown", ["topic links", "town name", "editor in town", "staff"])
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_a_list_within_dictionaries_is_written_as_it_was_seen(shown, kind):
    Topic.objects.filter(id=-1).delete()  # has no link that is known
    view = view_of(Spec(shown=("id", shown)), mixin=ElsewhereOnce, envelope=kind)

    def ask():
        return view(factory.get("/", HTTP_ACCEPT="application/json")).render().content

    stock = ask()
    with installed(), CaptureQueriesContext(connection) as queries:
        assert ask() == stock
    assert len([one for one in queries if one["sql"].startswith("SELECT")]) == 1


def test_a_list_within_one_row_is_written_once():
    within = drawn.serializer_of(Spec(shown=("id", "topic links", "editor in town")))

    class Whole(serializers.ModelSerializer):
        rows = serializers.SerializerMethodField()

        class Meta:
            model = Editor
            fields = ("id", "rows")

        def get_rows(self, editor: Any) -> Any:
            rows = Article.objects.filter(editor=editor)
            return within(rows, many=True, context=self.context).data

    Topic.objects.filter(id=-1).delete()
    rows_of: Any = {"get_queryset": lambda _self: Editor.objects.all()}
    view = view_of(action="retrieve", serializer_class=Whole, **rows_of)
    stock = answered(view, pk=2)
    with installed():
        with CaptureQueriesContext(connection) as queries:
            body = view(factory.get("/", HTTP_ACCEPT="application/json"), pk=2).render().content
        assert (len(queries), body) == (2, stock[2])
        assert answered(view, pk=2) == stock


@pytest.fixture
def schemas():
    """Give a second schema with other rows."""
    sql("SET CONSTRAINTS ALL IMMEDIATE; CREATE SCHEMA other;"
        "CREATE TABLE other.library_article AS SELECT * FROM library_article WHERE id IN (2, 5);"
        "UPDATE other.library_article SET title = 'of the other'")  # fmt: skip


@pytest.mark.parametrize("shown", ["title", "loud"])
@pytest.mark.parametrize(("action", "named"), [("list", {}), ("retrieve", {"pk": 2})])
@pytest.mark.usefixtures("schemas")
def test_a_schema_that_a_backend_names_is_that_of_each_request(monkeypatch, shown, action, named):
    operations, schema = type(connection.ops), "public"
    stock = operations.quote_name

    def quote_name(self, name):
        return f'"{schema}".{stock(self, name)}' if name == "library_article" else stock(self, name)

    view = view_of(Spec(shown=("id", shown), pages="numbers"), action)
    monkeypatch.setattr(operations, "quote_name", quote_name)
    answers = []
    for doing in (contextlib.nullcontext, installed):
        with doing():
            for schema in ("public", "other", "public", "other"):  # noqa: B007
                answers.append(answered(view, **named))
    assert answers[:4] == answers[4:]
    assert answers[0] != answers[1]


class Refusing:
    """Lets no statement run while data are made."""

    @property
    def data(self: Any) -> Any:
        """Make them so."""

        def refuse(*_args: Any) -> Any:
            raise RuntimeError("no statements here")

        with connection.execute_wrapper(refuse):
            return super().data  # type: ignore[misc]


class Strict:
    """Serializes without any query."""

    def get_serializer(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Return a serializer that refuses them."""
        serializer = super().get_serializer(*args, **kwargs)  # type: ignore[misc]
        kind = type(serializer)
        serializer.__class__ = type(kind.__name__, (Refusing, kind), {})
        return serializer


@pytest.mark.parametrize("shown", ["title", "method", "author"])
@pytest.mark.parametrize("pages", ["numbers", "offset", "none"])
@pytest.mark.parametrize("rows", ["all", "joined", "beside"])
def test_a_page_is_not_fetched_where_no_statement_may_run(shown, pages, rows):
    assert_same(view_of(Spec(shown=("id", shown), pages=pages, rows=rows), mixin=Strict))


class Calling:
    """Calls a function of the database's after rows were chosen."""

    def get_serializer_context(self: Any) -> Any:
        """Change all rows by a SELECT."""
        sql("SELECT pg_temp.change()")
        return super().get_serializer_context()  # type: ignore[misc]


def test_a_page_is_fetched_before_a_select_that_may_change_it():
    sql("CREATE FUNCTION pg_temp.change() RETURNS bigint LANGUAGE sql AS "
        "$$ WITH changed AS (UPDATE library_article SET title = 'changed' RETURNING 1) "
        "SELECT count(*) FROM changed $$")  # fmt: skip
    assert_same(view_of(Spec(pages="numbers"), mixin=Calling))


@pytest.mark.parametrize("field", [
    serializers.PrimaryKeyRelatedField(many=True, read_only=True), TOPIC(many=True),
])  # fmt: skip
def test_a_row_that_was_deleted_has_no_relations_whatever_was_prefetched(field):
    kind = serializer(Article, "id", "topics", topics=field)

    def shown():
        row = Article.objects.prefetch_related("topics").get(id=3)
        row.pk = None  # as `delete` leaves it
        return repr(kind(row).data)

    stock = outcome(shown)
    with installed():
        assert outcome(shown) == stock


def test_a_link_that_cannot_be_made_is_no_error_where_no_row_is():
    rows_of = {"get_queryset": lambda _self: Article.objects.filter(id=0)}
    view = view_of(Spec(shown=("id", "first link")), **rows_of)
    assert_same(view, headers={"HTTP_HOST": "no host"})
    with installed():
        answered(view)
    assert_same(view, headers={"HTTP_HOST": "no host"})


@pytest.mark.parametrize("moment", ["infinity", "0044-03-15 BC", "12000-01-01", "9999-12-31 23:59"])
@pytest.mark.parametrize("shown", ["hired", "author", "staff", "editor in full"])
@pytest.mark.parametrize("rows", ["all", "beside, to one"])
def test_related_rows_that_python_cannot_read_are_the_framework_s(moment, shown, rows):
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql(f"UPDATE library_editor SET hired = '{moment}'")
    view = view_of(Spec(shown=("id", shown), rows=rows))

    def ask():
        return view(factory.get("/", HTTP_ACCEPT="application/json")).render().content

    stock = outcome(ask)
    with installed():
        ours = outcome(ask)
    assert ours == stock if type(stock) is str else ours[0] == stock[0]  # by fewer queries


def test_a_renderer_that_somebody_has_changed_gets_ordinary_data():
    def render(_self, data, *_args):
        return repr([list.__getitem__(data, place) for place in range(7)]).encode()  # as C does

    stock = renderers.JSONRenderer.render
    with installed():
        ours = renderers.JSONRenderer.render
        with mock.patch.object(renderers.JSONRenderer, "render", render):
            body = answered(view_of())[2]
        assert renderers.JSONRenderer.render is ours is not stock
    with mock.patch.object(renderers.JSONRenderer, "render", render):
        assert body == answered(view_of())[2]


@pytest.mark.parametrize("pages", ["none", "numbers", "offset"])
@pytest.mark.parametrize("shown", ["title", "price"])
def test_a_router_is_asked_no_more_than_ever(pages, shown):
    asked = []

    class Router:
        """Chooses another replica each time."""

        def db_for_read(self, model, **_hints):
            """Return the next."""
            asked.append(model)
            return "default"

    view = view_of(Spec(shown=("id", shown), pages=pages, rows="joined"))
    with mock.patch.object(router, "routers", [Router()]):
        expected = [answered(view), answered(view)][-1], len(asked) // 2
        with installed():
            answered(view)
            asked.clear()
            found = answered(view)
    assert (found, max(expected[1], len(asked))) == expected


@pytest.mark.parametrize("name", ["pk", "serializable_value"])
@pytest.mark.parametrize("rows", ["all", "joined", "beside, to one", "read"])
def test_keys_that_a_model_shows_in_its_own_way_are_shown_so(name, rows):
    own = property(lambda self: f"#{self.id}") if name == "pk" else lambda *_: "own"
    view = view_of(Spec(shown=("id", "pk", "editor", "first link"), rows=rows))
    with mock.patch.object(Article, name, own):
        assert_same(view, times=1)
    with mock.patch.object(Editor, name, own):
        assert_same(view, times=1)


class Narrowing(models.QuerySet):
    """Has fewer rows with each copy."""

    least = 0

    def _clone(self: Any) -> Any:
        copied = super()._clone()  # type: ignore[misc]
        copied.least = self.least + 1
        copied.query.add_q(Q(id__gt=copied.least))
        return copied


@pytest.mark.parametrize("pages", ["none", "numbers"])
@pytest.mark.parametrize("shown", ["title", "method"])
def test_a_query_set_is_copied_no_more_than_ever(pages, shown):
    rows_of: Any = {"get_queryset": lambda _self: Narrowing(Article).all()}
    assert_same(view_of(Spec(shown=("id", shown), pages=pages), **rows_of))
    for key in (3, 6):
        assert_same(view_of(Spec(shown=("id", shown)), "retrieve", **rows_of), pk=key)


class InGerman:
    """Lists in a language of its own."""

    def list(self: Any, *args: Any, **kwargs: Any) -> Any:
        """List in German."""
        with translation.override("de"):
            return super().list(*args, **kwargs)  # type: ignore[misc]


@contextlib.contextmanager
def languages(settings):
    """Let there be languages; Django decides that once."""
    settings.USE_I18N = True
    names, found = ("activate", "deactivate", "deactivate_all", "get_language"), vars(translation)
    for name in names:
        vars(found["_trans"]).pop(name, None)
    try:
        yield
    finally:
        translation.deactivate()
        for name in names:
            vars(found["_trans"]).pop(name, None)


@pytest.mark.urls("tests.speedups.representation.language_urls")
def test_data_has_the_urls_of_the_language_it_was_listed_in(settings):
    with languages(settings):
        assert_same(view_of(Spec(shown=("id", "first link")), mixin=InGerman))


def test_a_decimal_of_any_size_is_written_by_python():
    column = models.DecimalField(name="price")
    with pytest.raises(StepAside):
        columns.written(serializers.DecimalField(None, None), column, '"price"')
