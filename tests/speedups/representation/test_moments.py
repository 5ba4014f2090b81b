"""When and where statements run: schemas, transactions, contexts, routers, languages."""

import contextlib
from typing import Any
from unittest import mock

import pytest
from django.db import connection, models, router
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from rest_framework import renderers, serializers

from drf_speedups.eligibility.reasons import StepAside
from drf_speedups.representation.sql import columns
from tests.speedups.library.related_models import Article, Editor
from tests.speedups.representation.asking import assert_same, outcome, sql, view_of
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.shown import TOPIC, serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


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


@pytest.mark.parametrize("pages", ["numbers", "offset"])
def test_rows_are_locked_before_anything_else_is_read(pages):
    class Reading:
        def get_serializer_context(self: Any) -> Any:
            Editor.objects.count()
            return super().get_serializer_context()  # type: ignore[misc]

    def statements():
        with CaptureQueriesContext(connection) as queries:
            answered(view)
        return [one["sql"].partition("FROM")[2] for one in queries]

    view = view_of(Spec(pages=pages, rows="locked"), mixin=Reading)
    stock = statements()
    with installed():
        assert statements() == stock


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


@pytest.mark.parametrize("pages", ["none", "numbers"])
@pytest.mark.parametrize("shown", ["title", "topics", "method"])
def test_statements_may_be_sent_in_a_pipeline(pages, shown):
    view = view_of(Spec(shown=("id", shown), pages=pages))
    connection.ensure_connection()

    def ask():
        with connection.connection.pipeline():
            return view(factory.get("/", HTTP_ACCEPT="application/json")).render().content

    stock = outcome(ask)
    with installed():
        assert outcome(ask)[0] == stock[0]


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
    names = "activate", "deactivate", "deactivate_all", "get_language", "gettext"
    found = vars(translation)
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
