"""The database of development, tests and the lab where DATABASE_URL is not set."""

from pathlib import Path

from project.database.embedded.errors import EmbeddedError
from project.database.embedded.server import Server

__all__ = ["SERVER", "EmbeddedError", "Server"]

SERVER = Server(Path(__file__).resolve().parents[3] / ".postgres")
