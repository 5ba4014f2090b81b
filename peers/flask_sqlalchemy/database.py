"""The engine: every request is one statement, which is its own transaction."""

import os

from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker


def _url() -> URL:
    return make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")


engine = create_engine(
    _url(),
    isolation_level="AUTOCOMMIT",  # one statement needs no BEGIN and COMMIT: one round trip, not 3
    pool_size=int(os.environ.get("POOL_SIZE", "4")),  # per worker
    max_overflow=0,
    pool_timeout=30,  # seconds, its default: everybody waits, as in the others
    pool_reset_on_return=None,  # no transaction is ever open, so there is none to roll back
    connect_args={
        "connect_timeout": 5,  # seconds
        "prepare_threshold": 0,  # prepare each statement at its first use
        "options": "-c statement_timeout=5s -c lock_timeout=3s -c timezone=UTC",
    },
)
session_of: sessionmaker[Session] = sessionmaker(engine, autoflush=False, expire_on_commit=False)
