"""The application's name, without the folders it lies in."""

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    """Its tables are made without migrations, for the tests only."""

    name = "tests.speedups.library"
    label = "library"
    default_auto_field = "django.db.models.BigAutoField"
