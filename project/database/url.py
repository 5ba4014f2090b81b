"""DATABASE_URL as Django's settings: looked at when the process starts, completed by our limits."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import dj_database_url
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PGconn

# A request that the database cannot answer in time must give its thread back.
TIME_LIMITS = "-c statement_timeout=5s -c lock_timeout=3s"
OPTIONS = {
    "connect_timeout": 2,
    # A link that has died without a word: unacknowledged bytes and idle connections.
    "tcp_user_timeout": 6000,
    "keepalives_idle": 10,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
DJANGOS_OWN = {"assume_role", "server_side_binding"}  # options that libpq never sees
INSTEAD = {
    "pool": "each worker keeps its own connection; for fewer of them put PgBouncer in between",
    "pgbouncer": "leave it out: the service finds out by itself what it talks to",
}
TEXTS = {"user", "password", "dbname", "application_name"}
NOWHERE = "/nowhere"  # no server's socket is there


def database(url: str) -> dict[str, Any]:
    """Return the settings of the database that a URL names.

    Raises `ValueError` whose text says what is wrong, never with the password.
    """
    found: dict[str, Any] = {**_parsed(url)}
    options = found.pop("OPTIONS", {})
    # Connecting for every request costs more than the request.
    found["CONN_MAX_AGE"] = _age(options.pop("conn_max_age", None))
    for name, reason in INSTEAD.items():
        if name in options:
            raise ValueError(f"has the option {name}: {reason}")
    if not found["NAME"] and not {"service", "dbname"} & options.keys():
        raise ValueError("names no database: postgresql://user:password@host/name")
    for name, value in options.items():
        if isinstance(value, list):  # of passwords, perhaps
            raise ValueError(f"has {name} more than once")
        if name in OPTIONS and type(value) is not int:
            raise ValueError(f"has {name}={value!r}: allowed are whole numbers")
    _try(found, options)
    # The last of two `-c` for one setting holds: what the URL says.
    limits = f"{TIME_LIMITS} {options.pop('options', '')}".strip()
    return found | {"OPTIONS": OPTIONS | options | {"options": limits}}


def _parsed(url: str) -> Any:
    try:
        found = dj_database_url.parse(url)
    except ValueError:
        raise ValueError("is no URL like postgresql://user:password@host/name") from None
    if not str(found["ENGINE"]).endswith("postgresql"):
        raise ValueError("names no PostgreSQL: postgresql://… is the only kind")
    parts = urlsplit(url)
    if "@" in parts.path + parts.fragment + parts.query.partition("=")[0]:
        raise ValueError("has an @ too late: in a password write %2F for /, %3F for ?, %23 for #")
    options = found.get("OPTIONS", {})
    said = parse_qs(parts.query)
    for name in TEXTS & options.keys():  # of which numbers and truths were made
        options[name] = said[name][0] if len(said[name]) == 1 else said[name]
    return found


def _age(value: Any) -> int | None:
    if value is None or type(value) is int:
        return value
    raise ValueError(f"has conn_max_age={value!r}, allowed are whole numbers of seconds")


def _try(found: dict[str, Any], options: dict[str, Any]) -> None:
    """Let libpq read all of it, for a place where no server is: it tries no network."""
    hosts = str(found["HOST"]).count(",") + 1
    given = {name: value for name, value in options.items() if name not in DJANGOS_OWN}
    elsewhere = {
        "host": ",".join([NOWHERE] * hosts), "hostaddr": None, "port": found["PORT"] or None,
        "dbname": found["NAME"] or given.get("dbname"), "user": found["USER"] or None,
        "password": found["PASSWORD"] or None,
    }  # fmt: skip
    if any("\0" in str(value) for value in (found | given).values()):
        raise ValueError("is not what libpq can read: there is a NUL in it")
    try:
        tried = PGconn.connect_start(make_conninfo(**given | elsewhere).encode())
        message = tried.error_message.decode(errors="replace")
        wrong = tried.status == ConnStatus.BAD and NOWHERE not in message
        tried.finish()
    except (psycopg.Error, ValueError) as error:
        wrong, message = True, str(error)
    if wrong:
        raise ValueError(f"is not what libpq can read: {' '.join(message.split())}")
