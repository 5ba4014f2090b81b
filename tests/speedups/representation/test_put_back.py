"""Faults that serializing otherwise invites, put in one by one; the drawn view sets find each."""

import functools
import re
from typing import Any
from unittest import mock

import pytest

from drf_speedups.eligibility import models
from drf_speedups.representation import finished, installing, members, reading, templates
from drf_speedups.representation.sql import (
    assembling,
    columns,
    files,
    plain_rows,
    prefetched,
    rows,
    texts,
)
from drf_speedups.representation.surroundings import Surroundings
from tests.speedups.representation.comparing import seed
from tests.speedups.representation.drawn import Spec
from tests.speedups.representation.test_drawn import assert_same

pytestmark = [
    pytest.mark.django_db, pytest.mark.urls("tests.speedups.representation.urls"),
    pytest.mark.torture,
]  # fmt: skip


def nothing(*_args: Any) -> None:
    """Check nothing."""


class Everything:
    """Has all that is asked for."""

    def __contains__(self, _one: Any) -> bool:
        return True


def _unordered(stock: Any) -> Any:
    def rows_of(self: Any, model: Any, manager: Any, *others: Any) -> Any:
        with mock.patch.object(model._meta, "ordering", ["pk"]):
            return stock(self, model, manager, *others)

    return rows_of


FAULTS: dict[str, tuple[tuple[Any, str, Any], Spec]] = {
    "the zone of a request is not looked at": (
        (Surroundings, "are_utc", lambda _: True), Spec(shown=("made_at",), zone="lisbon")),
    "data are made in the zone of who looks": (
        (finished, "_made", lambda one, rows, *_: finished.LIST.to_representation(one, rows)),
        Spec(shown=("id", "made_at"), view="abroad")),
    "what is to be left out is null": (
        (assembling, "SKIPPED", re.compile("\x03")), Spec(shown=("id", "reviewer_town"))),
    "related rows are in another order": (
        (texts.Texts, "_rows", _unordered(texts.Texts._rows)), Spec(shown=("topics",))),
    "from_db is not looked at": (
        (plain_rows, "OF_OBJECTS", frozenset()), Spec(odd="from_db")),
    "listeners are not looked at": (
        (rows, "silence", lambda *_: True), Spec(odd="post_init")),
    "descriptors are not looked at": (
        (members, "is_stored", lambda *_: True), Spec(odd="descriptor")),
    "query sets are not looked at": ((plain_rows, "OF_ITERATION", frozenset()), Spec(rows="own")),
    "query sets of lookups are not looked at": (
        (prefetched, "paths", lambda rows: tuple(
            one.prefetch_through for one in rows._prefetch_related_lookups)),
        Spec(shown=("id", "topics"), rows="chosen")),
    "managers of rows beside are not looked at": (
        (plain_rows, "check_manager", nothing),
        Spec(shown=("id", "replies"), rows="beside, hidden")),
    "every way to write JSON is plain": (
        (installing, "_is_plain", lambda *_: True), Spec(accept="application/json; indent=2")),
    "separators are not escaped": ((installing, "_escaped", lambda body: body), Spec()),
    "fields are not looked at again": (
        (reading, "_fields", nothing), Spec(serializer="changing", pages="numbers")),
    "fields keep the context of the first": (
        (members, "copied", lambda field, _parent: field), Spec(shown=("first link",))),
    "choices are not looked at": (
        (columns, "_choice", lambda _field, _known, ref: f"{ref}::text"), Spec(shown=("choice",))),
    "fractions are as PostgreSQL has them": (
        (columns, "KINDS", tuple(
            (*one[:2], columns._number) if one[2] is columns._float else one
            for one in columns.KINDS)), Spec(shown=("share",), odd="exponents")),
    "code of a field's own is not looked at": (
        (members, "is_known", lambda _field: True), Spec(shown=("asking",))),
    "from_db_value is not looked at": (
        (models, "OF_COLUMNS", frozenset()), Spec(odd="from_db_value")),
    "a key's own code is not looked at": (
        (members, "shows_as_ever", lambda _field: True), Spec(shown=("editor marked",))),
    "code of related rows is not looked at": (
        (texts, "shows_as_ever", lambda _field: True), Spec(shown=("note marked",))),
    "fields within fields keep the context of the first": (
        (members, "looks_around", lambda field: isinstance(field, members.LOOKING_AROUND)),
        Spec(shown=("staff in a list",))),
    "pages are late for code around them": (
        (installing, "_alone", lambda *_: True), Spec(view="catching", pages="numbers")),
    "pages are late for changes": (
        (finished.Waiting, "before", lambda _self, execute, *args: execute(*args)),
        Spec(view="marking", pages="numbers")),
    "files are shown to whoever asked first": (
        (files, "copied", lambda field, _parent: field), Spec(shown=("id", "cover"))),
    "storages are asked again for data": (
        (files.File, "check", nothing), Spec(shown=("icons", "first link"))),
    "files of a column's own kind have no row": (
        (files.File, "check", nothing), Spec(shown=("id", "cover"), odd="thumbnails")),
    "code of a file field's own is not looked at": (
        (files, "own_members", lambda *_: []), Spec(shown=("id", "title", "crowded file"))),
    "storages are asked in another order": (
        (assembling, "filled_in",
         lambda found, shows: [*reversed(files.filled_in(found[::-1], shows) or [])]),
        Spec(shown=("id", "icons"))),
    "storages are asked once for a name": (
        (files.File, "shown_by", lambda self, one, stock=files.File.shown_by: functools.cache(
            stock(self, one))), Spec(shown=("id", "icons"))),
    "data that was given away counts as unread": (
        (finished.Finished, "unread", lambda self: self.make is not None), Spec(view="twice")),
    "what is patched later is passed by": (
        (finished, "STAND_INS", Everything()),
        Spec(odd="patched")),
    "code of a serializer's own is not looked at": (
        (templates, "check_class", nothing), Spec(serializer="own fields")),
}  # fmt: skip


@pytest.fixture(autouse=True)
def articles(db):
    seed()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_view_set_that_was_drawn_for_it(name):
    fault, spec = FAULTS[name]
    assert_same(spec)
    with mock.patch.object(*fault), pytest.raises(AssertionError):
        assert_same(spec)
