"""Django's PostgreSQL backend, which starts the embedded server at the first connection."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base

from project.embedded import SERVER, EmbeddedError


class DatabaseWrapper(base.DatabaseWrapper):
    """The stock backend; commands that need no database start no server."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. Raises `ImproperlyConfigured` when the server cannot be started."""
        try:
            SERVER.hold()
        except EmbeddedError as error:
            raise ImproperlyConfigured(str(error)) from error
        return super().get_new_connection(conn_params)
