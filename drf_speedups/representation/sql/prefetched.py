"""Rows that Django fetches beside a query's own: by its own statements, written as JSON, too.

Each relation that `prefetch_related` names is a level, and each level one statement: the one that
Django sends, its keys those of the rows above. Around it stands a SELECT that adds a column for
each field that shows the relation. Python puts the arrays together by key.

Whoever looks at the rows gets objects by Django's own code, which is handed what was fetched.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections, models
from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.constants import LOOKUP_SEP
from django.db.models.query import ModelIterable, Prefetch, prefetch_related_objects
from django.db.models.sql import Query

from drf_speedups.database.fetched import fetch
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.queries import shapes
from drf_speedups.queries.shapes import check_lasts
from drf_speedups.representation.sql.by_key import key_of, object_of
from drf_speedups.representation.sql.columns import ODD
from drf_speedups.representation.sql.plain_rows import Relation, plain_copy
from drf_speedups.representation.sql.scopes import Part, Scope
from drf_speedups.representation.sql.texts import Texts

Fetched = dict["Level", list[Any]]  # rows, by the level whose statement fetched them
Written = dict[tuple["Level", int], dict[Any, str]]  # texts, by what shows them, and by key
LOOKUP: Any = Prefetch
# How an object fetches what it refers to: since Django 6.1 a query set may say that.
FETCH_ONE, FETCH_RAISE = getattr(models, "FETCH_ONE", None), getattr(models, "FETCH_RAISE", "")


def paths(rows: Any) -> tuple[str, ...]:
    """Return the relations whose rows are to be fetched beside a query's. Raises `StepAside`."""
    lookups = rows._prefetch_related_lookups
    for lookup in lookups:
        plain = type(lookup) is Prefetch and lookup.queryset is None and not lookup.to_attr
        unless(type(lookup) is str or plain, "other rows are fetched by a query of their own")
    mode = getattr(rows, "_fetch_mode", None)
    unless(not lookups or mode is FETCH_ONE, "the query set says how to fetch relations")
    return tuple(getattr(lookup, "prefetch_through", lookup) for lookup in lookups)


def planned(kind: Any, root: Scope, names: tuple[str, ...], using: str) -> Texts:
    """Return what is written for the rows of a query, and beside it. Raises `StepAside`."""
    levels: list[Level] = []  # in the order in which Django asks for them
    for path in names:
        above: Level | None = None
        scope = root
        for name in path.split(LOOKUP_SEP):
            if name not in scope.levels:
                scope.levels[name] = Level(above, scope, name, using)
                levels.append(scope.levels[name])
            above = scope.levels[name]
            scope = above.scope
    plan = Texts.of_rows(kind, root, using)
    plan.levels = levels
    plan.follows |= bool(levels)
    plan.models.update(level.model for level in levels)
    plan.check_files()
    return plan


def fetched(plan: Texts, rows: Callable[[], list[Any]]) -> Fetched:
    """Run the statements of all levels beside a query's rows. Raises Django's database errors."""
    found: Fetched = {}
    for level in plan.levels:
        found[level] = level.fetch(rows() if level.above is None else found[level.above])
    return found


def objects(
    rows: Any, using: str, own: Callable[[], list[Any]], names: tuple[str, ...], beside: Fetched
) -> list[Any]:
    """Return the objects that Django makes of what was fetched for a query set."""
    again = plain_copy(rows, using)
    found = [*ModelIterable(answered(again, own()))]
    there = {level.path: level.rows(one) for level, one in beside.items()}
    prefetch_related_objects(found, *(Answered(name, there) for name in names))
    return found


class Answering(Query):
    """A query whose rows have been fetched."""

    answer: Sequence[Any] = ()

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        """Return a compiler that gives the answer instead of running anything."""
        compiler: Any = super().get_compiler(*args, **kwargs)

        def execute_sql(*_args: Any, **_kwargs: Any) -> list[Any]:
            compiler.pre_sql_setup()  # says what is in which column
            return [self.answer]

        compiler.execute_sql = execute_sql
        return compiler


def answered(rows: Any, answer: Sequence[Any]) -> Any:
    """Let a query set find what was fetched."""
    rows.query = rows.query.chain(Answering)
    rows.query.answer = answer
    return rows


class Answered(LOOKUP):  # type: ignore[misc]
    """What Django is to fetch beside, where it has been fetched."""

    def __init__(self, path: str, there: dict[str, Any]) -> None:
        super().__init__(path)
        self._there = there

    def get_current_querysets(self, level: int) -> Any:
        """Return the query set that Django asks instead of its own."""
        return [self._there[self.get_current_prefetch_to(level)]]


class Level:
    """One relation and the statement that fetches its rows. Raises `StepAside`."""

    def __init__(self, above: "Level | None", scope: Scope, name: str, using: str) -> None:
        self.above = above
        self.path: str = name if above is None else above.path + LOOKUP_SEP + name
        self.shows: list[Texts] = []  # what is written of its rows, for each field that shows them
        self.relation = Relation.of(scope.model, name)
        self.relation.check(scope)
        self.many, self.model = self.relation.many, self.relation.model
        self._place = scope.places[self.relation.ours]
        self._above, self._using = scope.model, using
        self._key, samples = key_of(self.relation.ours)
        self._sql, self._piece, compiler = self._statement(samples)
        self.scope = Scope.of(compiler, compiler.klass_info)
        self.scope.known = self.relation.known
        self._back = _place(compiler, self.scope, self.relation.theirs)

    def rows(self, answer: Sequence[Any]) -> Any:
        """Return the query set that Django begins with, with an answer."""
        manager = self.relation.manager
        return answered(manager._queryset_class(model=manager.model), answer)

    def fetch(self, above: list[Any]) -> list[Any]:
        """Return the rows that the rows above lead to. Raises Django's database errors."""
        keys = dict.fromkeys(row[self._place] for row in above)
        keys.pop(None, None)
        if not keys:
            return []
        connection = connections[self._using]
        prepared = self._prepared(keys, connection)
        return fetch(connection, self._asking(len(keys)), prepared, whole=True)[1]()

    def together(self, rows: list[Any], texts: list[str]) -> dict[Any, str]:
        """Return the text of what each key leads to."""
        found: dict[Any, list[str]] = {}
        for row, text in zip(rows, texts, strict=True):
            found.setdefault(row[self._back], []).append(text)
        if self.many:
            return {key: f"[{','.join(of_key)}]" for key, of_key in found.items()}
        return {key: of_key[0] for key, of_key in found.items()}

    def writing(self, part: Part, texts: dict[Any, str]) -> Callable[[Any], str]:
        """Return what writes the rows that a row leads to; it raises `StepAside` for odd ones."""
        if self.many:
            return lambda row: texts.get(row[self._place], "[]")

        def write(row: Any) -> str:
            key = row[self._place]
            text = texts.get(key)
            if text is None:
                gone = ODD in part.missing or (self.relation.forward and key is not None)
                unless(not gone, f"the row that {key} refers to is not there")
                return "null"
            return text

        return write

    def _asking(self, number: int) -> str:
        before, after = self._around
        return before + ", ".join([self._piece] * number) + after

    @functools.cached_property
    def _around(self) -> tuple[str, str]:
        """Return what stands before and after the keys."""
        before, _, after = self._sql.partition(self._piece)
        shown = ", ".join(["q.*", *(one.sql.replace("%", "%%") for one in self.shows)])
        limits = "" if self._ordered else shapes.ALL
        return f"SELECT {shown} FROM ({before}", f'{after}{limits}) "q"'  # noqa: S608

    def _prepared(self, keys: Any, connection: Any) -> list[Any]:
        return [self._key.get_db_prep_value(one, connection, prepared=True) for one in keys]

    def _statement(self, samples: Sequence[Any]) -> tuple[str, str, Any]:
        """Return Django's SQL for one key, what of it there is for each key, and its compiler."""
        one, two, three = (self._compiled(samples[:number]) for number in (1, 2, 3))
        for piece in ("(%s)", "%s"):
            grows = all(one[0].replace(piece, ", ".join([piece] * number)) == more[0]
                        for number, more in ((2, two), (3, three)))  # fmt: skip
            if grows and one[0].count("%s") == 1:
                return one[0], piece, one[1]
        raise StepAside(f"the statement for {self.path} has more in it than keys")

    def _compiled(self, keys: Sequence[Any]) -> tuple[str, Any]:
        instances = [object_of(self._above, self.relation.ours, key, self._using) for key in keys]
        found = self.relation.found
        asked = found.__get__(instances[0]) if self.many else found
        rows = asked.get_prefetch_querysets(instances, [self.rows(())])[0]
        self._ordered = rows.ordered
        compiler = rows.query.get_compiler(self._using)
        plain = type(compiler) is SQLCompiler and not compiler.connection.ops.max_in_list_size()
        unless(plain, "the query is compiled in its own way")
        sql, parameters = compiler.as_sql(with_col_aliases=True)
        check_lasts(compiler)
        sent = self._prepared(keys, compiler.connection)
        same = [(type(one), one) for one in parameters] == [(type(one), one) for one in sent]
        unless(same, f"the statement for {self.path} has more in it than keys")
        return sql, compiler


def _place(compiler: Any, scope: Scope, theirs: Any) -> int:
    if theirs in scope.places:
        return scope.places[theirs]
    return [alias for _, _, alias in compiler.select].index(theirs)
