"""The table and the engine: every request is one statement, which is its own transaction."""

import os
from datetime import datetime
from decimal import Decimal

from sqlalchemy import URL, BigInteger, Identity, Numeric, String, Text, func, make_url
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """What SQLAlchemy wants as the root of its models."""


class Item(Base):
    """A row of the table, which the migrations of the Django service make."""

    __tablename__ = "crud_item"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    quantity: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(
        TIMESTAMP(timezone=True), server_default=func.now()
    )
    updated_at: Mapped[datetime] = mapped_column(
        TIMESTAMP(timezone=True), server_default=func.now()
    )


def _url() -> URL:
    return make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")


engine = create_async_engine(
    _url(),
    isolation_level="AUTOCOMMIT",  # one statement needs no BEGIN and COMMIT: one round trip, not 3
    pool_size=int(os.environ.get("POOL_SIZE", "4")),  # per worker
    max_overflow=0,
    pool_timeout=5,  # seconds
    pool_reset_on_return=None,  # no transaction is ever open, so there is none to roll back
    connect_args={
        "timeout": 5,  # seconds
        "server_settings": {"statement_timeout": "5s", "lock_timeout": "3s"},
    },
)
session_of: async_sessionmaker[AsyncSession] = async_sessionmaker(
    engine, autoflush=False, expire_on_commit=False
)
