"""The engine: every request is one statement, which is its own transaction."""

import os

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine


def _url() -> URL:
    return make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")


engine = create_async_engine(
    _url(),
    isolation_level="AUTOCOMMIT",  # one statement needs no BEGIN and COMMIT: one round trip, not 3
    pool_size=int(os.environ.get("POOL_SIZE", "4")),  # per worker
    max_overflow=0,
    pool_timeout=30,  # seconds, its default: everybody waits, as in the others
    pool_reset_on_return=None,  # no transaction is ever open, so there is none to roll back
    connect_args={
        "timeout": 5,  # seconds
        "server_settings": {"statement_timeout": "5s", "lock_timeout": "3s"},
    },
)
session_of: async_sessionmaker[AsyncSession] = async_sessionmaker(
    engine, autoflush=False, expire_on_commit=False
)
