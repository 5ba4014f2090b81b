"""The project's PostgreSQL backend, which starts the embedded server at the first connection."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from drf_speedups.postgresql import base
from project.database.embedded import SERVER, EmbeddedError


class DatabaseWrapper(base.DatabaseWrapper):
    """That backend; commands that need no database start no server."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. Raises `ImproperlyConfigured` when the server cannot be started."""
        try:
            SERVER.hold()
        except EmbeddedError as error:
            raise ImproperlyConfigured(str(error)) from error
        return super().get_new_connection(conn_params)
