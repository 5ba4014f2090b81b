"""How SQLAlchemy's peers make their engine: every request is one statement, its own transaction."""

import os
from typing import Any

from sqlalchemy import URL, make_url

SETTINGS: dict[str, Any] = {
    "isolation_level": "AUTOCOMMIT",  # one statement needs no BEGIN and COMMIT: 1 round trip, not 3
    "pool_size": int(os.environ.get("POOL_SIZE", "4")),  # per worker
    "max_overflow": 0,
    "pool_timeout": 30,  # seconds, its default: everybody waits, as in the others
    "pool_reset_on_return": None,  # no transaction is ever open, so there is none to roll back
}


def url(driver: str) -> URL:
    """Return where the database is, for a driver."""
    return make_url(os.environ["DATABASE_URL"]).set(drivername=f"postgresql+{driver}")
