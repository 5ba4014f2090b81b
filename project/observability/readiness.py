"""What a request needs of the database, asked for as the role that requests come as."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor

NOT_ALLOWED = "42501"  # SQLSTATE
RIGHTS = ("read", "insert into", "update", "delete from")
# One row for each column that a model has: is it there, and what may be done with it?
LOOK = """
SELECT wanted.name, wanted.part, place.id IS NOT NULL, attnum IS NOT NULL, current_user,
    has_column_privilege(place.id, attnum, 'SELECT'), has_any_column_privilege(place.id, 'INSERT'),
    has_any_column_privilege(place.id, 'UPDATE'), has_table_privilege(place.id, 'DELETE')
FROM unnest(%s::text[], %s::text[]) AS wanted(name, part)
CROSS JOIN LATERAL (SELECT to_regclass(quote_ident(wanted.name))::oid) AS place(id)
LEFT JOIN pg_attribute
    ON attrelid = place.id AND attname = wanted.part AND attnum > 0 AND NOT attisdropped
"""

_all_applied = False  # migrations; they stay so


def lacking() -> str:
    """Return what is missing, nothing if requests can be served. Raises Django's `Error`."""
    return _missing_migrations() or next(_missing_parts(), "")


def _missing_migrations() -> str:
    global _all_applied
    if _all_applied:
        return ""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != NOT_ALLOWED:
            raise
        return ""  # no request needs their list: the columns tell
    _all_applied = not missing
    if not missing:
        return ""
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"migrations are missing: {missing[0][0]}{others}"


def _missing_parts() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [list(part) for part in zip(*_columns(), strict=True)])
        found: list[Any] = cursor.fetchall()
    for table, column, has_table, has_column, role, *rights in found:
        if not has_table:
            yield f"migrations are missing, or hidden from role {role}: there is no {table}"
        elif not has_column:
            yield f"migrations are missing: {table} has no column {column}"
        for verb, right in zip(RIGHTS, rights, strict=True):
            if right is False:
                yield f"role {role} may not {verb} {table}"


def _columns() -> Iterator[tuple[str, str]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            for field in model._meta.local_concrete_fields:
                yield model._meta.db_table, str(field.column)
