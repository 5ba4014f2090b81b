"""The data of a list serializer, finished in the database and not yet looked at."""

import contextlib
import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import prefetch_related_objects
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.serializer_helpers import ReturnList

from drf_speedups.eligibility.looked_at import own_code
from drf_speedups.eligibility.members import STAND_INS
from drf_speedups.representation.lazy import LazyList, named_as
from drf_speedups.representation.members import copied
from drf_speedups.representation.reading import from_context, is_as_its_class, is_wanted
from drf_speedups.representation.sql import rows

LIST: Any = serializers.ListSerializer
ROW: Any = serializers.Serializer
SHOWS_ALL: Any = vars(LIST)["to_representation"]
OF_QUERY_SETS = "SELECT q.*", 'SELECT "', 'SELECT DISTINCT "', "SELECT COUNT(", "SELECT 1 AS "


@named_as(list)
class Page(LazyList):
    """The rows of one page: a query set that is not evaluated before somebody looks."""

    def __init__(self, chosen: Any) -> None:
        waits = isinstance(chosen, models.QuerySet)
        super().__init__((lambda: chosen) if waits else chosen)
        self.chosen = chosen
        self.waiting: Any = None  # who watches what happens before somebody looks

    def fill(self) -> None:
        """Fetch the rows, as they would have been when they were chosen."""
        late = not self.full and self.waiting is not None and self.waiting.others_stand_around()
        with self.waiting.as_chosen() if late else contextlib.nullcontext():
            super().fill()


class Waiting:
    """Pages that nobody has fetched yet.

    They are fetched before something that is no SELECT runs, as they would have been.
    """

    def __init__(self, view: Any) -> None:
        self.view = view
        self.pages: list[Page] = []
        self.watched: Sequence[Any] = ()
        self.around: list[list[Any]] = []  # of each connection: what stood around its statements

    def add(self, page: Page) -> None:
        """Wait with a page."""
        if not self.watched:
            chosen: Any = page.chosen
            _ = connections[chosen._db or DEFAULT_DB_ALIAS]  # others need not be there
            self.watched = connections.all(initialized_only=True)
            self.around = [[*connection.execute_wrappers] for connection in self.watched]
            for connection in self.watched:
                connection.execute_wrappers.insert(0, self.before)  # others pop the last
        self.pages.append(page)
        page.waiting = self

    def others_stand_around(self) -> bool:
        """Tell whether statements run within more than they did when a page was chosen."""
        return any(
            one not in around and one != self.before
            for connection, around in zip(self.watched, self.around, strict=True)
            for one in connection.execute_wrappers
        )

    @contextlib.contextmanager
    def as_chosen(self) -> Iterator[None]:
        """Let statements run within no more than they did then."""
        now = [[*connection.execute_wrappers] for connection in self.watched]
        for connection, around in zip(self.watched, self.around, strict=True):
            connection.execute_wrappers[:] = around
        try:
            yield
        finally:
            for connection, around in zip(self.watched, now, strict=True):
                connection.execute_wrappers[:] = around

    def before(self, execute: Any, sql: Any, *others: Any) -> Any:
        """Run a statement, and before that what it may change."""
        if self.pages and not _only_reads(str(sql)):
            pages, self.pages = self.pages, []
            for page in pages:
                if page.chosen._result_cache is None:
                    page.fill()
        return execute(sql, *others)

    def end(self) -> None:
        """Watch no more."""
        for connection in self.watched:
            connection.execute_wrappers.remove(self.before)


STAND_INS.add(Waiting.before)


def _only_reads(sql: str) -> bool:
    """Tell whether a statement is one of ours, or Django's of a query set, and locks nothing.

    Any other SELECT may call a function that changes rows, or what is to be seen of them.
    """
    return sql.startswith(OF_QUERY_SETS) and " FOR " not in sql


@named_as(ReturnList)
class Finished(LazyList, ReturnList):  # type: ignore[type-arg]
    """What a list serializer returns: JSON for a renderer, ordinary data for whoever looks."""

    def __init__(self, serializer: Any, data: LazyList, texts: list[str]) -> None:
        LazyList.__init__(self, lambda: data)
        self.serializer = serializer
        self.data = data  # the serializer's own, that it gives to others, too
        self.texts = texts

    def json(self) -> str:
        """Return the JSON, without spaces and in Unicode."""
        return f"[{','.join(self.texts)}]"

    def unread(self) -> bool:
        """Tell whether nobody can have changed what it has: the JSON still says the same."""
        return self.make is not None and self.data.make is not None


def finished_data(serializer: Any) -> Finished | None:
    """Return the data of a list serializer; None where the framework has to make it."""
    own = vars(serializer)
    if "_data" in own or "initial_data" in own or not _gives_json(serializer):
        return None
    chosen: Any = _chosen(own.get("instance"))
    child, whole = serializer.child, _class(serializer)
    kind = type(child)
    if (
        chosen is None
        or "fields" in vars(child)
        or not is_wanted(serializer)
        or not (is_as_its_class(serializer) and is_as_its_class(child))
        or ROW.to_representation not in STAND_INS  # somebody has put theirs in its place
        or kind.to_representation is not ROW.to_representation
        or whole.to_representation is not SHOWS_ALL
        or "to_representation" in own_code(whole, LIST)
    ):
        return None
    texts = rows.finished(chosen, child)
    if texts is None:
        return None
    objects: Any = chosen._result_cache
    if objects.plan.gives_data:
        make = functools.partial(_said, texts)
    else:
        lookups = () if chosen._prefetch_done else chosen._prefetch_related_lookups
        make = functools.partial(_made, serializer, objects, lookups)
    data = serializer._data = LazyList(make)
    objects.then = data.fill  # before whoever looks at them can change them
    data.lock = objects.lock
    return Finished(serializer, data, texts)


def _chosen(instance: Any) -> models.QuerySet[Any] | None:
    """Return the query set that nobody has evaluated yet."""
    if type(instance) is Page:
        if instance.waiting is not None and instance.waiting.others_stand_around():
            instance.fill()  # whoever stands there may refuse all statements
        return instance.chosen if instance.make is not None else None
    return instance if isinstance(instance, models.QuerySet) else None


def _gives_json(serializer: Any) -> bool:
    """Tell whether the framework's own renderer is going to write the answer as usual.

    A serializer may not be told of the request; a page knows whose it is.
    """
    request = from_context(serializer, "request")
    if request is None:
        waiting = getattr(serializer.instance, "waiting", None)
        request = getattr(getattr(waiting, "view", None), "request", None)
    return writes_json(type(getattr(request, "accepted_renderer", None)))


def writes_json(kind: Any) -> bool:
    """Tell whether renderers of a class write JSON without spaces, in Unicode, by our stand-in."""
    render = getattr(kind, "render", None)
    plain = render is JSONRenderer.render and render in STAND_INS
    return plain and kind.compact and not kind.ensure_ascii


def _said(texts: list[str]) -> list[Any]:
    """Return what the framework has made of the rows, without asking for what they refer to.

    Who may see that is settled when a list is serialized; afterwards it may be somebody else.
    """
    return json.loads(f"[{','.join(texts)}]")  # type: ignore[no-any-return]


def _made(serializer: Any, objects: Any, lookups: Any) -> list[Any]:
    """Return what the framework makes of the rows that were fetched.

    The query set may have forgotten them meanwhile: it does when it updates or deletes its rows.
    """
    with objects.here.again():
        if lookups:
            prefetch_related_objects(objects, *lookups)
        shown: Any = copied(serializer, serializer.parent)  # whose fields nobody has changed
        return LIST.to_representation(shown, objects)  # type: ignore[no-any-return]


def _class(value: Any) -> Any:
    return type(value)
