"""The database of development, tests and the lab where DATABASE_URL is not set."""

from pathlib import Path

from project.embedded.errors import EmbeddedError
from project.embedded.server import Server

__all__ = ["SERVER", "EmbeddedError", "Server"]

SERVER = Server(Path(__file__).resolve().parents[2] / ".postgres")
