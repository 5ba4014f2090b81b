"""The database of development, tests and the lab where DATABASE_URL is not set."""

from pathlib import Path

from project import environment
from project.database.embedded.errors import EmbeddedError
from project.database.embedded.server import Server

__all__ = ["SERVER", "EmbeddedError", "Server"]

# What a shell has for another server: libpq would look for ours there, and ours would go there.
environment.forget("PGPORT", "PGHOSTADDR", "PGSERVICE", "PGREQUIREAUTH")
SERVER = Server(Path(__file__).resolve().parents[3] / ".postgres")
