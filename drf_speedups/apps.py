"""The entry for INSTALLED_APPS: one line makes any view set's rows cheaper; checks; the command."""

from django.apps import AppConfig
from django.core import checks


class SpeedupsConfig(AppConfig):
    name = "drf_speedups"
    verbose_name = "DRF speed-ups"

    def ready(self) -> None:
        """Put the pieces in their places that need no word in a view set; register the checks.

        Imports no views of REST framework's: `drf_speedups.framework` says why.
        """
        from drf_speedups.checks import check_database, check_pieces, check_settings

        checks.register(check_settings)
        checks.register(check_database)
        if check_pieces():  # which is said once, by that check
            return
        from drf_speedups.queries import QUERIES
        from drf_speedups.representation import ROWS
        from drf_speedups.urls import URLS

        QUERIES.install()
        ROWS.install()
        URLS.install()
