"""The engine and its sessions."""

from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from peers.shared.engine import SETTINGS, url

engine = create_engine(
    url("psycopg"),
    **SETTINGS,
    connect_args={
        "connect_timeout": 5,  # seconds
        "prepare_threshold": 0,  # prepare each statement at its first use
        "options": "-c statement_timeout=5s -c lock_timeout=3s -c timezone=UTC",
    },
)
session_of: sessionmaker[Session] = sessionmaker(engine, autoflush=False, expire_on_commit=False)
