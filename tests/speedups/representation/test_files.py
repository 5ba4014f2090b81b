"""Files: what is shown of a column's name is what its storage says, each time it is asked."""

import json
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage
from django.db import connection
from django.db.models.fields.files import FieldFile
from django.test import override_settings
from django.urls import set_script_prefix
from django.utils.functional import LazyObject, lazystr
from rest_framework import serializers
from rest_framework.settings import api_settings

from drf_speedups.representation.explaining import BY_DATABASE, rows_of
from tests.speedups.library.related_models import Article, Editor, Signing, Topic
from tests.speedups.representation.asking import assert_same, assert_same_answer, outcome, view_of
from tests.speedups.representation.comparing import answered, factory, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.drawn import view_of as drawn_view
from tests.speedups.representation.odd import ODD
from tests.speedups.representation.shown import serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]
COVER: Any = Article._meta.get_field("cover")
COLUMNS: list[Any] = [COVER, Editor._meta.get_field("portrait"), Topic._meta.get_field("icon")]
ROWS = ["all", "joined", "beside", "beside, to one", "beside, deeply"]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


class Remembering(Storage):
    """Keeps in mind what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def url(self, name):
        """Return a URL that tells how often it was asked."""
        self.asked.append(name)
        return f"/{len(self.asked)}/{name}"


class Raising(Remembering):
    """Has no URL for one of the files, and none for another."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self.error = error

    def url(self, name):
        """Refuse what is no picture."""
        super().url(name)
        if name and "a" in name:
            raise self.error(name)
        return f"/{name}"


class Looking(Storage):
    """Asks the database."""

    def url(self, name):
        """Return a URL that the database knows."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s || 'x'", [name])
            return cursor.fetchone()[0]


class Lazy(Storage):
    """Says later what a URL is."""

    def url(self, name):
        """Return what is no text yet."""
        return lazystr(name)


class Nowhere(LazyObject):
    """Is set up when somebody asks for a file."""

    def _setup(self):
        raise RuntimeError("there is no storage")


def storing(storage):
    """Let all files be kept by a storage."""
    stack = ExitStack()
    for column in COLUMNS:
        stack.enter_context(mock.patch.object(column, "storage", storage))
    return stack


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("shown", [
    "cover", "name of a file", "checked file", "portrait", "portrait, maybe",
    "editor's files", "reviewer's file", "icons",
])  # fmt: skip
def test_files_of_rows_and_of_related_rows_leave_a_list_with_the_database(written, rows, shown):
    assert_same_answer(view_of(Spec(shown=("id", shown), rows=rows)))
    assert written[-1] is not None


@pytest.mark.parametrize("shown", ["file of its own", "text of a file", "no file"])
def test_what_may_look_at_a_row_is_left_with_python(written, shown):
    assert_same(view_of(Spec(shown=("id", shown))))
    assert written[-1] is None


@pytest.mark.parametrize("field", [
    serializers.ReadOnlyField(), serializers.FileField(default=None, read_only=True),
    serializers.CharField(source="cover.url"), serializers.FileField(source="cover.name"),
    serializers.FileField(source="topics"), serializers.FileField(source="summary"),
    serializers.ListField(source="cover", child=serializers.FileField()),
])  # fmt: skip
def test_other_fields_over_files_say_what_they_say(field):
    kind = serializer(Article, "id", "cover", cover=field)
    assert_same_answer(view_of(serializer_class=kind))


@pytest.mark.parametrize("rows", ROWS)
def test_a_storage_is_asked_as_often_and_in_the_same_order(written, rows):
    asked: list[Any] = []
    spec = Spec(shown=("icons", "cover", "editor's files", "id", "portrait"), rows=rows)
    view = view_of(spec)

    def ask():
        storage = Remembering()
        with storing(storage):
            found = answered(view)
        asked.append(storage.asked)
        return found

    stock = ask()
    with installed():
        assert ask() == stock
    assert asked[0] == asked[1]
    assert written[-1] is not None


@pytest.mark.parametrize("rows", ["all", "beside"])
@pytest.mark.parametrize("error", [ValueError, NotImplementedError, AttributeError, KeyError])
def test_what_a_storage_raises_is_raised_and_it_is_asked_no_more(rows, error):
    asked: list[Any] = []
    view = view_of(Spec(shown=("icons", "cover", "id"), rows=rows))

    def ask():
        storage = Raising(error)
        with storing(storage):
            try:
                return answered(view)
            finally:
                asked.append(storage.asked)

    stock = outcome(ask)
    with installed():
        ours = outcome(ask)
    assert ours == stock if isinstance(stock, str) else ours[0] == stock[0]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("shown", [("id", "cover"), ("cover", "first link"), ("cover", "extra")])
def test_a_storage_that_asks_the_database_asks_as_often(shown):
    with storing(Looking()):
        assert_same(view_of(Spec(shown=shown)))


@pytest.mark.parametrize("name", ["first link", "extra", "raw token"])
@pytest.mark.parametrize("storage", [
    Signing(), FileSystemStorage(base_url="/x/"), InMemoryStorage(),
])  # fmt: skip
def test_a_storage_of_a_project_s_own_is_not_asked_again_for_data(written, name, storage):
    with storing(storage):
        assert_same(view_of(Spec(shown=("id", "cover", name))))
    assert (written[-1] is None) is isinstance(storage, Signing)


@pytest.mark.parametrize("name", ["title", "extra"])
@pytest.mark.parametrize("files", [True, False])
def test_a_storage_that_cannot_be_set_up_is_missed_where_there_is_a_file(name, files):
    if not files:
        Article.objects.update(cover="")
    with mock.patch.object(COVER, "storage", Nowhere()):
        assert_same(view_of(Spec(shown=("id", "cover", name))))


def test_a_url_that_is_no_text_is_what_the_framework_makes_of_it():
    for view in ("stock", "silent"):
        with storing(Lazy()):
            assert_same(view_of(Spec(shown=("id", "cover"), view=view, pages="numbers")))


def test_a_url_is_that_of_the_settings_of_now():
    view = view_of(Spec(shown=("id", "cover")))

    def answers():
        yield answered(view)
        for url in ("/media/", "https://media.example/é/", "there/"):
            with override_settings(MEDIA_URL=url):
                yield answered(view)
                yield answered(view, headers={"HTTP_HOST": "testserver:8"})
        with mock.patch.object(api_settings, "UPLOADED_FILES_USE_URL", False):
            yield answered(view)
        with override_settings(MEDIA_URL="below/", FORCE_SCRIPT_NAME="/app"):
            set_script_prefix("/app/")
            yield answered(view)
            set_script_prefix("/")

    stock = [*answers()]
    assert len({answer[2] for answer in stock}) == 8
    with installed():
        assert [*answers()] == stock


def test_a_url_has_no_host_where_nobody_tells_of_a_request(written):
    view = view_of(Spec(shown=("id", "cover"), view="silent", pages="numbers"))
    assert_same(view)
    assert written[-1] is not None


def test_data_are_what_the_storage_said_when_the_list_was_serialized():
    view = view_of(Spec(shown=("id", "cover")))
    with installed():
        with storing(Remembering()):
            response = view(factory.get("/", HTTP_ACCEPT="application/json"))
        response.render()
        assert json.loads(response.content) == response.data
    assert response.data[1]["cover"].startswith("http://testserver/1/")


def test_a_picture_whose_size_is_noted_is_looked_at_when_its_row_becomes_an_object(written):
    with ODD["noted size"]():
        assert_same(view_of(Spec(shown=("id", "cover", "level"))))
    assert not any(written)


def test_files_of_another_kind_are_asked_also_when_they_come_later():
    view = view_of(Spec(shown=("id", "cover")))
    with installed():
        answered(view)
    with ODD["thumbnails"]():
        assert_same(view)


def test_columns_of_a_project_s_own_kind_are_read_as_ever(written):
    class Kept(type(COVER)):  # type: ignore[misc]
        """Says of names what is in no database."""

        def from_db_value(self, value, *_):
            return value and f"kept/{value}"

    stock, COVER.__class__ = COVER.__class__, Kept
    try:
        assert_same(view_of(Spec(shown=("id", "cover"))))
    finally:
        COVER.__class__ = stock
    assert written[-1] is None


def test_what_somebody_puts_in_the_place_of_a_file_s_url_is_asked():
    view = view_of(Spec(shown=("id", "cover")))
    with mock.patch.object(FieldFile, "url", property(lambda self: f"/of/{self.instance.pk}")):
        assert_same(view)


@pytest.mark.parametrize("rows", ["only", "defer"])
def test_files_that_a_query_does_not_fetch_are_asked_for(rows):
    assert_same(view_of(Spec(shown=("id", "title", "cover"), rows=rows)))


def test_it_is_said_that_lists_with_files_are_the_database_s():
    with installed():
        known = rows_of(drawn_view(Spec(shown=("id", "cover", "icons"))))
        refused = rows_of(drawn_view(Spec(shown=("id", "icons", "first link"))))
    assert known == BY_DATABASE
    assert refused.endswith("data are made again, and icon has a storage of its own")
