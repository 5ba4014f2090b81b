"""The project's PostgreSQL backend, which starts the embedded server at the first connection."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.client import DatabaseClient

from drf_speedups.postgresql import base
from project.database.embedded import SERVER, EmbeddedError


class Client(DatabaseClient):
    """`manage.py dbshell`: Django's would look for a server where the machine has one."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return the command: the psql of this server, at this server."""
        _hold()
        url = SERVER.url(settings_dict["NAME"])
        return [str(SERVER.programs() / "psql"), *parameters, url], None


class DatabaseWrapper(base.DatabaseWrapper):
    """That backend; commands that need no database start no server."""

    client_class = Client

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. Raises `ImproperlyConfigured` when the server cannot be started."""
        _hold()
        return super().get_new_connection(conn_params)


def _hold() -> None:
    try:
        SERVER.hold()
    except EmbeddedError as error:
        raise ImproperlyConfigured(str(error)) from error
