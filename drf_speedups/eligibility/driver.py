"""psycopg 3 and what Django has for it; where it is not installed every piece steps aside.

A project may reach PostgreSQL through psycopg2, or have another database on a developer's machine.
The pieces can be imported there, too: these names then stand for nothing, and `MISSING` says why.
"""

from typing import TYPE_CHECKING, Any

MISSING = ""  # why psycopg 3 cannot be used, for people

if TYPE_CHECKING:
    import psycopg
    from django.contrib.postgres.fields import ArrayField
    from django.db.backends.postgresql.base import Cursor, DatabaseWrapper, ServerBindingCursor
    from django.db.backends.postgresql.operations import DatabaseOperations
    from django.db.backends.postgresql.psycopg_any import BaseTzLoader
    from psycopg.adapt import PyFormat, Transformer
    from psycopg.errors import error_from_result
    from psycopg.generators import execute
    from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
    from psycopg.pq.abc import PGresult
    from psycopg.types.datetime import TimestamptzLoader
else:
    from django.core.exceptions import ImproperlyConfigured

    class Nothing:
        """Stands for a name of a package that is not installed; nobody gets as far as using it."""

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):  # as `__mro__`: it is no class
                raise AttributeError(name)
            return self

    try:
        import psycopg
        from django.contrib.postgres.fields import ArrayField
        from django.db.backends.postgresql.base import Cursor, DatabaseWrapper, ServerBindingCursor
        from django.db.backends.postgresql.operations import DatabaseOperations
        from django.db.backends.postgresql.psycopg_any import BaseTzLoader
        from psycopg.adapt import PyFormat, Transformer
        from psycopg.errors import error_from_result
        from psycopg.generators import execute
        from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
        from psycopg.types.datetime import TimestamptzLoader
    except (ImportError, ImproperlyConfigured) as error:
        MISSING = f"psycopg 3 is not installed ({error}): pip install 'psycopg[binary]'"
        psycopg = ArrayField = DatabaseWrapper = DatabaseOperations = Nothing()
        PyFormat = Transformer = error_from_result = execute = Nothing()
        Cursor = ServerBindingCursor = BaseTzLoader = TimestamptzLoader = Nothing()
        ConnStatus = DiagnosticField = ExecStatus = TransactionStatus = Nothing()

CLIENT_BINDING = frozenset({Cursor})  # that write values into the text of a query
CURSORS = CLIENT_BINDING | {ServerBindingCursor}  # that have all rows in Python


def oid(name: str) -> int:
    """Return PostgreSQL's number of a type; 0 without psycopg 3."""
    return 0 if MISSING else psycopg.postgres.types[name].oid


def error_of(result: "PGresult", link: Any) -> "psycopg.Error":
    """Return what psycopg would raise for a failed result; a lost connection has no SQLSTATE."""
    # libpq may say so by the status only later, by a result of its own at once
    if link.pgconn.status != ConnStatus.OK or sqlstate(result) is None:
        return psycopg.OperationalError("the connection is lost")
    return error_from_result(result)


def sqlstate(result: "PGresult") -> bytes | None:
    """Return the SQLSTATE of a failed result, or None."""
    return result.error_field(DiagnosticField.SQLSTATE)


__all__ = [
    "CLIENT_BINDING", "CURSORS", "MISSING", "ArrayField", "BaseTzLoader", "ConnStatus",
    "DatabaseOperations", "DatabaseWrapper", "DiagnosticField", "ExecStatus", "PyFormat",
    "TimestamptzLoader", "TransactionStatus", "Transformer", "error_from_result", "error_of",
    "execute", "oid", "psycopg", "sqlstate",
]  # fmt: skip
