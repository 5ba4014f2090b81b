"""The connections: asyncpg's pool, without what it does for sessions that leave traces."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]

Row = Mapping[str, Any]
AWAY = (  # the errors when there is no connection to be had
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
)


class Traceless(asyncpg.Connection):  # type: ignore[misc]
    """One statement is one transaction and sets nothing: there is nothing to reset afterwards."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Spare the second round trip that asyncpg's pool would add to each request."""
        return ""


_pool: asyncpg.Pool


@asynccontextmanager
async def connections() -> AsyncIterator[None]:
    """Hold POOL_SIZE connections open."""
    global _pool
    size = int(os.environ.get("POOL_SIZE", "4"))
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"],
        min_size=size,
        max_size=size,
        connection_class=Traceless,
        max_inactive_connection_lifetime=0,  # else a timer is set and cancelled for each request
        timeout=5,  # seconds to connect
        server_settings={"statement_timeout": "5s", "lock_timeout": "3s"},
    ) as _pool:
        yield


async def row(statement: str, *values: object) -> Row | None:
    """Run a statement; return its first row, if any."""
    found: Row | None = await _pool.fetchrow(statement, *values)
    return found


async def rows(statement: str, *values: object) -> list[Row]:
    """Run a statement; return its rows."""
    found: list[Row] = await _pool.fetch(statement, *values)
    return found
