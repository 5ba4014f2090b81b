"""The engine and its sessions."""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from peers.shared.engine import SETTINGS, url

engine = create_async_engine(
    url("asyncpg"),
    **SETTINGS,
    connect_args={
        "timeout": 5,  # seconds
        "server_settings": {"statement_timeout": "5s", "lock_timeout": "3s"},
    },
)
session_of: async_sessionmaker[AsyncSession] = async_sessionmaker(
    engine, autoflush=False, expire_on_commit=False
)
