"""The application of the one table."""

from django.apps import AppConfig


class CrudConfig(AppConfig):
    """Stock configuration."""

    name = "crud"
