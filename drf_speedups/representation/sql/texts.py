"""The JSON of a row as an SQL expression, with the rows that it refers to.

Related rows are those that the project's query has joined, or come from a sub-query: what the
framework would ask for each row, compiled by Django.
"""

import functools
import itertools
import json
from collections.abc import Callable
from typing import Any

from rest_framework import relations, serializers

from drf_speedups.database.statements import Slot
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.queries.shapes import check_lasts
from drf_speedups.representation.members import Member, descriptor, shows_as_ever
from drf_speedups.representation.sql import columns
from drf_speedups.representation.sql.by_key import RowByRow
from drf_speedups.representation.sql.columns import HOLE, NULL, ODD, SKIP
from drf_speedups.representation.sql.files import File
from drf_speedups.representation.sql.links import Link
from drf_speedups.representation.sql.plain_rows import (
    Relation,
    check_manager,
    check_objects,
    has_no_ties,
    rows_to,
    stored_column,
)
from drf_speedups.representation.sql.scopes import Hole, Part, Scope
from drf_speedups.representation.templates import members

ROW: Any = serializers.Serializer
LIST: Any = serializers.ListSerializer
Leaf = Callable[["Texts", "Scope"], str]


class Texts:
    """What is written for the rows of a query; constructing it raises `StepAside`."""

    def __init__(self, leaf: Leaf, root: Scope, using: str, whole: "Texts | None" = None) -> None:
        self.models: set[Any] = whole.models if whole else set()  # whose rows are written
        self.kinds: set[Any] = whole.kinds if whole else set()  # by which serializers
        self.within: list[Any] = whole.within if whole else []  # those around what is written now
        self.files: list[File] = whole.files if whole else []
        self.follows = False  # whether there are others than the query's own
        self.asks = False  # whether Django would ask for some of them row by row
        self.is_data = True  # whether JSON has all that the framework's data have
        self.levels: list[Any] = []  # of rows that other statements fetch, as Django asks for them
        self.asked: list[RowByRow] = []  # for the rows that one row leads to
        self.holes: list[Hole | Part | RowByRow] = []
        self.links: list[Link] = []
        self._root = root
        self.using = using
        self._names = (f'"speedups {number}"' for number in itertools.count())
        self.sql = leaf(self, root)

    @classmethod
    def of_rows(cls, kind: Any, root: Scope, using: str) -> "Texts":
        """Return what is written for rows by serializers of a class. Raises `StepAside`."""
        return cls(lambda texts, end: texts._object(kind, end), root, using)

    def beside(self) -> list["Texts"]:
        """Return what is written of rows that other statements fetch."""
        shown = [one for level in self.levels for one in level.shows]
        for texts in (self, *shown):
            for asked in texts.asked:
                shown += [asked.shows, *asked.shows.beside()]
        return shown

    @functools.cached_property
    def gives_data(self) -> bool:
        """Tell whether the JSON does for data, and the fetched rows alone would not."""
        all_of_it = [self, *self.beside()]
        asks = self.files or any(one.asks for one in all_of_it)
        return bool(asks) and all(one.is_data for one in all_of_it)

    def check_files(self) -> None:
        """Raise `StepAside` where storages are not asked as the framework asks them."""
        one_by_one = any(one.asked for one in (self, *self.beside()))
        otherwise = "" if self.gives_data else "data are made again"
        for file in self.files:
            file.check("rows ask for others one by one" if one_by_one else otherwise)

    def _object(self, kind: Any, scope: Scope) -> str:
        unless(kind.to_representation is ROW.to_representation, f"{kind.__name__}.to_representation"
               " is its own")  # fmt: skip
        unless(kind not in self.within, f"{kind.__name__} is within itself, to any depth")
        check_objects(scope.model)
        self.models.add(scope.model)
        self.kinds.add(kind)
        self.within.append(kind)
        found = members(kind, scope.model)
        unless(found, "the serializer's fields are not known")
        parts = [
            columns.literal(json.dumps(member.name, ensure_ascii=False) + ":")
            + f" || {self._value(member, scope)}"
            for member in found or ()
        ]
        self.within.pop()
        return f"""('{{' || {" || ',' || ".join(parts)} || '}}')"""

    def _value(self, member: Member, scope: Scope) -> str:
        """Return the text of a field, never NULL."""
        field = member.field
        if isinstance(field, relations.RelatedField | relations.ManyRelatedField):
            unless(member.copied and shows_as_ever(field), f"{member.name} has code of its own")
        if member.column is not None and not isinstance(field, relations.HyperlinkedRelatedField):
            return self._column(member, scope)
        unless(member.copied, f"{member.name} is a field that is not known")
        if isinstance(field, relations.HyperlinkedIdentityField):
            return self._link(field, scope.ref(scope.model._meta.pk), scope.model._meta.pk)
        unless(field.source_attrs, f"{member.name} has no attribute for a source")
        if field.source in scope.annotations:
            unless(descriptor(scope.model, field.source) is None, "a name that the model has, too")
            output, ref = scope.annotations[field.source]
            return f"coalesce({columns.computed(field, output, ref)}, {NULL})"
        *through, last = field.source_attrs
        return self._along(through, scope, field,
                           lambda texts, end: texts._end(field, last, end))  # fmt: skip

    def _column(self, member: Member, scope: Scope) -> str:
        column = member.column
        try:
            return self._written(member.field, column, scope)
        except StepAside:
            unless(column in scope.places, f"only Python writes a column of {scope.model.__name__}")
            self.is_data = False
            show = columns.raw(member)
            return self._hole(Hole(scope.places[column], column.cached_col, show))

    def _hole(self, written: "Hole | Part | RowByRow") -> str:
        """Return what stands where Python writes: its number, as not every row has all of them."""
        self.holes.append(written)
        return f"'{HOLE}{len(self.holes) - 1}{HOLE}'"

    def _along(self, names: list[str], scope: Scope, field: Any, leaf: Leaf) -> str:
        """Return what stands at the end of a path of relations to one row each."""
        if not names:
            return leaf(self, scope)
        return self._one(names[0], scope, columns.missing(field), lambda texts, end: texts._along(
            names[1:], end, field, leaf))  # fmt: skip

    def _end(self, field: Any, name: str, scope: Scope) -> str:
        """Return the text of a field whose source ends in a name that a row has."""
        if isinstance(field, relations.ManyRelatedField):
            child = field.child_relation
            return self._many(name, scope, lambda texts, end: texts._related(child, end))
        if isinstance(field, LIST):
            kind = type(field.child)
            return self._many(name, scope, lambda texts, end: texts._object(kind, end))
        if isinstance(field, serializers.BaseSerializer):
            kind = type(field)
            return self._one(name, scope, NULL, lambda texts, end: texts._object(kind, end))
        if isinstance(field, relations.RelatedField):
            return self._relation(field, name, scope)
        if isinstance(field, serializers.FileField):
            return self._file(field, name, scope)
        column = stored_column(scope.model, name)
        unless(column is not None, f"{name} is no column of {scope.model.__name__}")
        return self._written(field, column, scope)

    def _written(self, field: Any, column: Any, scope: Scope) -> str:
        self.is_data &= columns.is_data(field, column)
        return f"coalesce({columns.written(field, column, scope.ref(column))}, {NULL})"

    def _file(self, field: Any, name: str, scope: Scope) -> str:
        file = File.of(field, scope.model, name, len(self.files))
        self.files.append(file)
        return f"coalesce({file.sql(scope.ref(file.column))}, {NULL})"

    def _relation(self, field: Any, name: str, scope: Scope) -> str:
        column = stored_column(scope.model, name, relation=True)
        by_key = field.use_pk_only_optimization()
        if column is not None and by_key:
            if isinstance(field, relations.HyperlinkedRelatedField):
                return self._link(field, scope.ref(column), column)
            return self._written(field, column, scope)
        return self._one(name, scope, NULL, lambda texts, end: texts._related(field, end))

    def _related(self, field: Any, scope: Scope) -> str:
        """Return how a field shows a row that the relation leads to."""
        check_objects(scope.model)
        self.models.add(scope.model)
        key = scope.model._meta.pk
        if isinstance(field, relations.PrimaryKeyRelatedField):
            unless(field.pk_field is None, "a key has a format of its own")
            self.is_data &= columns.is_data(field, key)
            return columns.plain(key, scope.ref(key))
        if isinstance(field, relations.HyperlinkedRelatedField):
            return self._link(field, scope.ref(key), key)
        unless(isinstance(field, relations.SlugRelatedField), f"only Python knows what {field} is")
        *through, last = field.slug_field.replace("__", ".").split(".")

        def leaf(_texts: Texts, end: Scope) -> str:
            column = stored_column(end.model, last)
            unless(column is not None, f"{last} is no column of {end.model.__name__}")
            self.is_data &= columns.is_data(field, column)
            return f"coalesce({columns.plain(column, end.ref(column))}, {NULL})"

        return self._through(through, scope, leaf)

    def _through(self, names: list[str], scope: Scope, leaf: Leaf) -> str:
        if not names:
            return leaf(self, scope)
        odd = f"'{ODD}'"
        return self._one(names[0], scope, odd,
                         lambda texts, end: texts._through(names[1:], end, leaf), odd)  # fmt: skip

    def _link(self, field: Any, ref: str, column: Any) -> str:
        self.is_data = False  # a link knows its row
        link = Link.to(field, column, len(self.links))
        self.links.append(link)
        return f"coalesce({link.sql(ref)}, {NULL})"

    def _one(self, name: str, scope: Scope, missing: str, leaf: Leaf, gone: str = NULL) -> str:
        """Return the text of the row that a relation leads to.

        `missing` if it may lead nowhere, and does; `gone` if it should not: the framework tells
        these apart.
        """
        self.follows = True
        relation = Relation.of(scope.model, name)
        field, model, forward = relation.field, relation.model, relation.forward
        unless(not relation.many, f"{name} leads to many rows")
        unless(field.db_constraint or not forward, f"{name} may lead nowhere")
        missing = missing if forward and field.null else gone
        if name in scope.levels:
            return self._part(scope.levels[name], leaf, missing)
        unless(field is not scope.known, f"{name} is the row that one has come from")
        check_objects(model)
        self.models.add(model)
        joined = scope.joined.get((field, not forward))
        if joined is not None:
            there = f"{joined.ref(joined.model._meta.pk)} IS NOT NULL"
            return f"CASE WHEN {there} THEN {leaf(self, joined)} ELSE {missing} END"
        target, ref = relation.theirs, scope.ref(relation.ours)
        end, rows = self._rows(model, relation.manager, target.attname, target, ref)
        text = columns.foreseen(end.refs, leaf(self, end))
        found = f"coalesce((SELECT {text} FROM {rows}), {gone})"  # noqa: S608
        return f"CASE WHEN {ref} IS NULL THEN {missing} ELSE {found} END" if forward else found

    def _many(self, name: str, scope: Scope, leaf: Leaf) -> str:
        """Return the array of the rows that a relation leads to, in the order of their model."""
        self.follows = True
        if name in scope.levels and scope.levels[name].many:
            return self._part(scope.levels[name], leaf, "")
        found = descriptor(scope.model, name)
        lookup, model, target, key = rows_to(found, scope.model)
        manager = model._default_manager
        check_manager(manager)
        if not has_no_ties(manager.all()):
            return self._row_by_row(name, scope, leaf)
        end, rows = self._rows(model, manager, lookup, target, scope.ref(key))
        text = columns.foreseen(end.refs, leaf(self, end))
        return f"(SELECT '[' || coalesce(string_agg({text}, ','), '') || ']' FROM {rows})"  # noqa: S608

    def _row_by_row(self, name: str, scope: Scope, leaf: Leaf) -> str:
        """Return what stands for rows that no order sorts: each row asks, as Django asks."""
        unless(scope is self._root, f"nothing sorts {name}, and it is not the list's own")
        self.asks = True
        asked = RowByRow(scope, name, self.using)
        asked.shows = Texts(leaf, asked.scope, self.using, self)
        self.asked.append(asked)
        return self._hole(asked)

    def _part(self, level: Any, leaf: Leaf, missing: str) -> str:
        """Return what stands for rows that another statement fetches, and let that write them."""
        unless(SKIP not in missing, "a field is left out where no row is")
        level.shows.append(Texts(leaf, level.scope, self.using, self))
        return self._hole(Part(level, len(level.shows) - 1, missing))

    def _rows(
        self, model: Any, manager: Any, lookup: str, target: Any, ref: str
    ) -> tuple[Scope, str]:
        """Return related rows as a sub-query, and what its columns are called."""
        self.asks = True
        check_manager(manager)
        found = manager.using(self.using).filter(**{lookup: Slot(target)})
        compiler = found.query.get_compiler(self.using)
        sql, parameters = compiler.as_sql(with_col_aliases=True)
        plain = len(parameters) == 1 and isinstance(parameters[0], Slot) and sql.count("%") == 1
        unless(plain, f"the rows of {model.__name__} are not plain")
        check_lasts(compiler)
        unless('"q"' not in sql, "a table has the name of our query")
        name = next(self._names)
        refs = {
            compiler.select[place][0].target: f'{name}."{compiler.select[place][2]}"'
            for place in compiler.klass_info["select_fields"]
        }
        return Scope(model, refs), f"({sql.replace('%s', ref)}) {name}"
