"""What is known of a database: its backend, and whether a table is what the model says."""

from typing import Any

from django.db import connections

from drf_speedups.eligibility import driver
from drf_speedups.eligibility.driver import (
    DatabaseOperations,
    DatabaseWrapper,
    ExecStatus,
    error_from_result,
)
from drf_speedups.eligibility.members import Role, check_members
from drf_speedups.eligibility.reasons import unless

# What a backend may do in its own way, for whoever uses its connections runs it: how they are
# opened, looked at and closed.
BACKEND = Role(
    DatabaseWrapper,
    run=frozenset({
        "get_connection_params", "get_new_connection", "init_connection_state", "connect",
        "ensure_connection", "is_usable", "close", "_close", "close_if_unusable_or_obsolete",
        "close_if_health_check_failed", "ensure_timezone", "ensure_role", "close_pool",
    }),
)  # fmt: skip
# In `tgtype`, 1 is FOR EACH ROW and 2 is BEFORE: only both together can change what is stored.
TABLE = b"""
SELECT c.relkind, a.attname, format_type(a.atttypid, a.atttypmod),
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 3 = 3),
       c.relhasrules
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = to_regclass($1)
"""
PLAIN_TABLES = {"r", "p"}  # also those in partitions


def check_database(using: str) -> None:
    """Raise `StepAside` unless a database is reached by Django's own backend for PostgreSQL."""
    connection: Any = connections[using]
    unless(connection.vendor == "postgresql", f"the database is {connection.vendor}: only "
           "PostgreSQL can write JSON so")  # fmt: skip
    unless(not driver.MISSING, driver.MISSING)
    check_members(type(connection), BACKEND)
    unless(type(connection.ops) is DatabaseOperations, "the backend has its own operations")


def check_table(model: Any, using: str, columns: list[Any]) -> None:
    """Raise `StepAside` unless the table is as the model says, where that shows in an answer.

    Asks the database. Triggers, rules and views may store something else than what was sent.
    """
    connection: Any = connections[using]
    found = _columns(connection, connection.ops.quote_name(model._meta.db_table))
    unless(found, f"there is no table {model._meta.db_table}")
    kind, _, _, triggers, rules = next(iter(found.values()))
    unless(kind in PLAIN_TABLES, f"{model._meta.db_table} is no table")
    changed = "t" in {triggers, rules}
    unless(not changed, f"the table {model._meta.db_table} has triggers or rules")
    for field in columns:
        declared = field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
        there = found[field.column][2] if field.column in found else "missing"
        plain = there.replace("character varying", "varchar").replace(" ", "")
        same = plain == str(declared).replace(" ", "")
        unless(same, f"the column {field.column} is {there}, not {declared}")


def _columns(connection: Any, table: str) -> dict[str, tuple[str, ...]]:
    """Return what the catalogue says of each column; no query of the project's, so not counted."""
    connection.ensure_connection()
    link = connection.connection
    with connection.wrap_database_errors:
        result = link.pgconn.exec_params(TABLE, [table.encode()])
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result)
    rows = [tuple(result.get_value(row, column).decode() for column in range(result.nfields))
            for row in range(result.ntuples)]  # fmt: skip
    return {row[1]: row for row in rows}
