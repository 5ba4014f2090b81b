"""Storages are asked for a file's URL when the framework asks them, and no more often."""

import itertools
from typing import Any
from unittest import mock

import pytest
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.functional import lazystr
from rest_framework import serializers

from tests.speedups.library.related_models import Topic
from tests.speedups.representation.asking import outcome, view_of
from tests.speedups.representation.comparing import answered, installed, seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.test_files import Looking, storing

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls")]


@pytest.fixture(autouse=True)
def articles(db):
    seed()


class Saying(Storage):
    """Says one URL after the other, of any kind."""

    def __init__(self, *urls: Any) -> None:
        self.asked: list[str | None] = []
        self._urls = itertools.cycle(urls)

    def url(self, name):
        """Return the next one."""
        self.asked.append(name)
        return next(self._urls)


@pytest.mark.parametrize("urls", [("/a", lazystr("/b")), (b"/a",), (1,), (None,), ("",)])
@pytest.mark.parametrize("view", ["stock", "silent"])
def test_a_storage_whose_urls_are_no_texts_is_asked_as_often(urls, view):
    shown = view_of(Spec(shown=("id", "cover"), view=view, pages="numbers"))

    def ask():
        with storing(storage := Saying(*urls)):
            return outcome(lambda: answered(shown)), storage.asked

    stock = ask()
    with installed():
        assert ask() == stock


@pytest.mark.parametrize("storage", [FileSystemStorage(base_url="/x/"), default_storage])
def test_a_storage_that_somebody_listens_to_is_asked_as_often(storage):
    view = view_of(Spec(shown=("id", "cover", "extra")))

    def ask():
        says = Saying(*map(str, range(9)))
        with storing(storage), mock.patch.object(storage, "url", says.url):
            return outcome(lambda: answered(view)), says.asked

    stock = ask()
    with installed():
        assert ask() == stock


class WithNotes(serializers.ModelSerializer):
    """A file, and rows that each row asks for."""

    class Meta:
        """Notes have no order."""

        model = Topic
        fields = ["id", "icon", "note_set"]


def test_a_storage_that_asks_the_database_asks_between_the_rows():
    view = view_of(serializer_class=WithNotes, get_queryset=lambda _: Topic.objects.order_by("id"))

    def asked():
        with CaptureQueriesContext(connection) as seen:
            found = outcome(lambda: answered(view))
        return found, ["library_note" in one["sql"] for one in seen]

    with storing(Looking()):
        stock = asked()
        with installed():
            assert asked() == stock
