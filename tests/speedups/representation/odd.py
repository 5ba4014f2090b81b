"""What a project, its tables or its values may have that nobody foresees."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from django.db import connection, models
from django.db.models.fields.files import ImageFieldFile
from django.db.models.signals import post_init
from rest_framework import serializers

from tests.speedups.library.related_models import Article, Editor, Reply, Topic


@contextlib.contextmanager
def listening(model: Any = Article, name: str = "title") -> Iterator[None]:
    """Let somebody change each object that is made."""

    def change(instance: Any, **_kwargs: Any) -> None:
        setattr(instance, name, "heard")

    post_init.connect(change, sender=model, weak=False)
    try:
        yield
    finally:
        post_init.disconnect(change, sender=model)


class Thumbnail(ImageFieldFile):
    """A file with a URL of its own."""

    @property
    def url(self) -> str:
        """Return where a small one is."""
        return f"/small/{self.instance.pk}/{self.name}"


def thumbnails() -> Any:
    """Let files of articles be such ones."""
    return mock.patch.object(Article._meta.get_field("cover"), "attr_class", Thumbnail)


@contextlib.contextmanager
def noted_size() -> Iterator[None]:
    """Let Django look at a file whose size is not noted yet, which is not there."""
    column: Any = Article._meta.get_field("cover")
    Article.objects.filter(id=2).update(level=0)
    post_init.connect(column.update_dimension_fields, sender=Article)
    try:
        with mock.patch.object(column, "width_field", "level"):
            yield
    finally:
        post_init.disconnect(column.update_dimension_fields, sender=Article)


class Louder(models.CharField):
    """A column whose values are others in Python."""

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Return it loudly."""
        return value and value.upper()


@contextlib.contextmanager
def louder() -> Iterator[None]:
    """Let the title be such a column."""
    column: Any = Article._meta.get_field("title")
    column.__class__ = Louder
    try:
        yield
    finally:
        column.__class__ = models.CharField


@contextlib.contextmanager
def foreign() -> Iterator[None]:
    """Let somebody else have made the table, with a type that fills up with spaces."""
    changed = _changed("SET CONSTRAINTS ALL IMMEDIATE;"
                       "ALTER TABLE library_article ALTER title TYPE character(70)")  # fmt: skip
    with changed(), mock.patch.object(Article._meta, "managed", False):
        yield


@contextlib.contextmanager
def patched() -> Iterator[None]:
    """Let somebody put theirs in the place of the framework's method, after ours."""
    stock: Any = serializers.Serializer.to_representation

    def more(self: Any, row: Any) -> Any:
        return {**stock(self, row), "patched": True}

    with mock.patch.object(serializers.Serializer, "to_representation", more):
        yield


def _from_db(kind: Any, *args: Any, **how: Any) -> Any:  # `fetch_mode`, since Django 6.1
    row = models.Model.from_db.__func__(kind, *args, **how)  # type: ignore[attr-defined]
    row.title = "from db"
    return row


class Shown:
    """A descriptor where a column's own would be."""

    def __get__(self, row: Any, owner: Any = None) -> Any:
        return self if row is None else f"<{row.__dict__.get('title')}>"

    def __set__(self, row: Any, value: Any) -> None:
        row.__dict__["title"] = value


def _changed(sql: str) -> Any:
    @contextlib.contextmanager
    def changed() -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
        yield

    return changed


@contextlib.contextmanager
def unsorted() -> Iterator[None]:
    """Let nothing say in which order related rows are shown."""
    with contextlib.ExitStack() as orders:
        for model, order in ((Topic, ["weight"]), (Reply, [])):
            orders.enter_context(mock.patch.object(model._meta, "ordering", order))
        yield


ODD: dict[str, Callable[[], Any]] = {
    "none": contextlib.nullcontext, "post_init": listening, "from_db_value": louder,
    "editors heard": lambda: listening(Editor, "name"), "foreign": foreign, "patched": patched,
    "unsorted": unsorted, "thumbnails": thumbnails, "noted size": noted_size,
    "from_db": lambda: mock.patch.object(Article, "from_db", classmethod(_from_db), create=True),
    "descriptor": lambda: mock.patch.object(Article, "title", Shown()),
    "infinity": _changed("UPDATE library_article SET made_at = 'infinity' WHERE id = 2"),
    "late hour": _changed("UPDATE library_article SET hour = '24:00' WHERE id = 2"),
    "far day": _changed("UPDATE library_article SET day = '12000-01-01' WHERE id = 2"),
    "nan": _changed("UPDATE library_article SET share = 'NaN' WHERE id = 2"),
    "exponents": _changed("UPDATE library_article SET share = 10 ^ (id + 12), big = id - 9"),
    "small": _changed("UPDATE library_article SET share = -10 ^ (-id)::float"),
    "no rows": _changed("DELETE FROM library_article"),
}  # fmt: skip
