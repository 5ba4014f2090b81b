"""A row as SQL sees it, and what Python writes into the row's JSON."""

from collections.abc import Callable
from typing import Any, NamedTuple

from drf_speedups.eligibility.reasons import unless


class Hole(NamedTuple):
    """A value that Python writes."""

    place: int  # in the row
    expression: Any
    show: Callable[[Any], Any]


class Part(NamedTuple):
    """What stands where the rows of another statement are shown."""

    level: Any  # whose statement that is
    number: int  # of what its rows have
    missing: str  # in SQL, for no row


class Scope:
    """A row of the query: what its columns are called."""

    def __init__(self, model: Any, refs: dict[Any, str]) -> None:
        self.model = model
        self.refs = refs  # by column
        self.places: dict[Any, int] = {}  # of columns that are fetched
        self.joined: dict[tuple[Any, bool], Scope] = {}  # by field, and whether it is reversed
        self.annotations: dict[str, tuple[Any, str]] = {}  # their fields, and their names in SQL
        self.levels: dict[str, Any] = {}  # of relations whose rows other statements fetch
        self.known: Any = None  # a relation that leads back to the object one has come from

    @classmethod
    def of(cls, compiler: Any, info: Any) -> "Scope":
        """Return what a compiled query selects, as the columns of a sub-query `q`."""
        chosen = {
            compiler.select[place][0].target: (place, compiler.select[place][2])
            for place in info["select_fields"]
        }
        scope = cls(info["model"], {one: f'"q"."{name}"' for one, (_, name) in chosen.items()})
        scope.places = {column: place for column, (place, _) in chosen.items()}
        for one in info.get("related_klass_infos", ()):
            if not one["from_parent"]:
                scope.joined[one["field"], one["reverse"]] = cls.of(compiler, one)
        return scope

    def ref(self, column: Any) -> str:
        """Return a column as SQL. Raises `StepAside` for one that is not there."""
        unless(column in self.refs, f"{column} is not selected")
        return self.refs[column]
