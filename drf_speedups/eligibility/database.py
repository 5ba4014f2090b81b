"""What is known of a database: its backend, and whether a table is what the model says."""

import functools
import re
import select
from dataclasses import replace
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.models.sql import Query

from drf_speedups.eligibility import driver
from drf_speedups.eligibility.adapters import read_as_ever, write_as_ever
from drf_speedups.eligibility.driver import (
    CURSORS,
    DatabaseOperations,
    DatabaseWrapper,
    ExecStatus,
    error_of,
    psycopg,
)
from drf_speedups.eligibility.members import (
    STAND_INS,
    Role,
    check_members,
    is_framework_s,
    is_genuine,
)
from drf_speedups.eligibility.reasons import StepAside, unless
from drf_speedups.eligibility.unchanged import Unchanged

# What a backend may do in its own way, for whoever uses its connections runs it: how they are
# opened, looked at and closed.
BACKEND = Role(
    DatabaseWrapper,
    run=frozenset({
        "get_connection_params", "get_new_connection", "init_connection_state", "connect",
        "ensure_connection", "is_usable", "close", "_close", "close_if_unusable_or_obsolete",
        "close_if_health_check_failed", "ensure_timezone", "ensure_role", "close_pool",
    }),
    values=frozenset({"client_class", "creation_class"}),  # of dbshell, and of test databases
)  # fmt: skip
# In `tgtype`, 1 is FOR EACH ROW and 2 is BEFORE: only both together can change what is stored. 4 is
# INSERT; a key of another table has such a trigger, too. Parts of a table have their own.
TABLE = b"""
WITH RECURSIVE parts AS (
    SELECT to_regclass($1)::oid AS oid
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN parts p ON i.inhparent = p.oid
)
SELECT c.relkind, a.attname, format_type(a.atttypid, a.atttypmod),
       EXISTS (SELECT FROM pg_trigger t JOIN parts p ON t.tgrelid = p.oid WHERE t.tgtype & 3 = 3),
       EXISTS (SELECT FROM pg_class r JOIN parts p ON r.oid = p.oid WHERE r.relhasrules),
       EXISTS (SELECT FROM pg_trigger t JOIN parts p ON t.tgrelid = p.oid WHERE t.tgtype & 4 = 4) OR
       EXISTS (SELECT FROM pg_index i JOIN parts p ON i.indrelid = p.oid WHERE NOT i.indisprimary
               AND (i.indisunique OR i.indisexclusion))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = to_regclass($1)
"""
# By which a connection makes a cursor.
OF_CURSORS = frozenset({"cursor", "_cursor", "create_cursor", "_prepare_cursor", "make_cursor"})
# What of Django's cursors each statement runs.
OF_STATEMENTS = (
    "__init__", "__enter__", "__exit__", "execute", "_execute_with_wrappers", "_execute",
)  # fmt: skip
CURSOR_MAKING, RUNNING = attrgetter(*OF_CURSORS), attrgetter(*OF_STATEMENTS)
COMPILERS = ("SQLCompiler", "SQLInsertCompiler", "SQLUpdateCompiler", "SQLDeleteCompiler")
PLAIN_TABLES = {"r", "p"}  # also those in partitions


def check_database(using: str) -> None:
    """Raise `StepAside` unless a database is reached by Django's own backend for PostgreSQL."""
    connection: Any = connections[using]
    unless(connection.vendor == "postgresql", f"the database is {connection.vendor}: only "
           "PostgreSQL can write JSON so")  # fmt: skip
    unless(not driver.MISSING, driver.MISSING)
    check_backend(type(connection))
    unless(type(connection.ops) is DatabaseOperations, "the backend has its own operations")
    for kind in (Query, *map(connection.ops.compiler, COMPILERS)):
        check_members(kind, Role(kind))  # unless somebody has changed how queries become SQL


def check_backend(kind: type, run: frozenset[str] = BACKEND.run) -> None:
    """Raise `StepAside` unless a backend is Django's, or ours, but for methods that are `run`."""
    ours = frozenset(filter(is_framework_s, kind.__mro__))
    check_members(kind, replace(BACKEND, also=ours, run=run))


def is_djangos(kind: type) -> bool:
    """Tell whether statements go through a backend by Django's own code, or ours, until now."""
    run = CURSOR_MAKING(kind)  # whose change is seen at once
    same = _backend(kind, *run, *map(type, run))
    return same is not None and bool(same)


@functools.lru_cache(16)
def _backend(kind: type, *_run: Any) -> Unchanged | None:
    try:
        check_backend(kind)
    except StepAside:
        return None
    return Unchanged([kind], run=BACKEND.run)


def is_watched(connection: Any, *, reading: bool = False) -> bool:
    """Tell whether somebody wants to see all statements of a connection of Django's.

    Who puts another `cursor` there may refuse them all, as Django's tests without databases do.
    Those of ours that only wait for changes need not see what is `reading`.
    """
    own = connection.__dict__
    replaced = not own.keys().isdisjoint(OF_CURSORS) and not all(
        _is_put_back(connection, name) for name in OF_CURSORS & own.keys()
    )
    around: list[Any] = connection.execute_wrappers
    if reading:
        around = [one for one in around if getattr(one, "__func__", None) not in STAND_INS]
    return bool(replaced or around or connection.force_debug_cursor)


def _is_put_back(connection: Any, name: str) -> bool:
    """Tell whether a connection has its class's own method as an attribute, and no proxy of it."""
    own = connection.__dict__[name]
    return (
        type(own) is MethodType
        and own.__self__ is connection
        and own.__func__ is getattr(type(connection), name)
    )


def needs_cursor(link: Any) -> bool:
    """Tell whether no statement may be sent past Django's cursor over a psycopg connection.

    Somebody's code may run there for each, a cache's, say, or a tenant's, or stand before the
    connection; or other greenlets while it waits, one of which may hold the lock that it waits for.
    """
    factory, kind = link.cursor_factory, type(link)
    of_driver = getattr(factory, "execute", None), getattr(kind, "cursor", None)
    run = (*of_driver, *RUNNING(CursorWrapper))
    kinds: Any = kind, *map(type, run)  # a proxy equals what it stands before
    return not _is_stock(kinds, factory, select.select, *run) or "cursor" in vars(link)


@functools.lru_cache(16)
def _is_stock(
    kinds: tuple[Any, ...], factory: Any, waiting: Any, of_driver: Any, cursor: Any, *run: Any
) -> bool:
    return (
        kinds == (psycopg.Connection, *(2 + len(run)) * [FunctionType])
        and factory in CURSORS
        and all(is_genuine(CursorWrapper, one) for one in run)
        and of_driver.__globals__ is vars(psycopg.cursor)
        and cursor.__globals__ is vars(psycopg.connection)
        and isinstance(waiting, BuiltinFunctionType)
    )


def check_table(model: Any, using: str, *, changes: bool = True) -> bool:
    """Raise `StepAside` unless the table is as the model says, where that shows in an answer.

    Returns whether an INSERT is compared with other rows, and so may wait for their transactions.
    Asks the database. Triggers, rules and views may store something else than what was sent; who
    does not change rows may read them from anything that has their columns.
    """
    connection: Any = connections[using]
    found = _columns(connection, connection.ops.quote_name(model._meta.db_table))
    unless(found, f"there is no table {model._meta.db_table}")
    kind, _, _, triggers, rules, compared = next(iter(found.values()))
    if changes:
        unless(kind in PLAIN_TABLES, f"{model._meta.db_table} is no table")
        changed = "t" in {triggers, rules}
        unless(not changed, f"the table {model._meta.db_table} has triggers or rules")
    for field in model._meta.concrete_fields:
        declared = field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
        there = found[field.column][2] if field.column in found else "missing"
        same = _named(there, exactly=changes) == _named(str(declared), exactly=changes)
        unless(same, f"the column {field.column} is {there}, not {declared}")
    return compared == "t"


def _named(kind: str, *, exactly: bool) -> str:
    """Return the name of a column's type, without its length if that does not matter."""
    name = kind.replace("character varying", "varchar").replace(" without time zone", "")
    name = name.replace(" ", "")
    return name if exactly else re.sub(r"\(.*\)", "", name).replace("varchar", "text")


def _columns(connection: Any, table: str) -> dict[str, tuple[str, ...]]:
    """Return what the catalogue says of each column; no query of the project's, so not counted."""
    connection.ensure_connection()
    link = connection.connection
    as_ever = read_as_ever(link.adapters) and write_as_ever(link.adapters)
    unless(as_ever, "values are read or written by adapters of the project's own")
    with connection.wrap_database_errors:
        result = link.pgconn.exec_params(TABLE, [table.encode()])
        if result.status != ExecStatus.TUPLES_OK:
            raise error_of(result, link)
    rows = [tuple(result.get_value(row, column).decode() for column in range(result.nfields))
            for row in range(result.ntuples)]  # fmt: skip
    return {row[1]: row for row in rows}
