"""The entry for INSTALLED_APPS: one line makes any view set's rows cheaper; checks; the command."""

from django.apps import AppConfig
from django.core import checks


class SpeedupsConfig(AppConfig):
    name = "drf_speedups"
    verbose_name = "DRF speed-ups"
    stepped_aside = ""  # why rows are serialized by the framework, if that is so

    def ready(self) -> None:
        """Put the piece in its place that needs no word in a view set, and register the checks."""
        from drf_speedups.checks import check_database, check_pieces, check_settings
        from drf_speedups.eligibility.reasons import StepAside

        checks.register(check_settings)
        checks.register(check_database)
        if check_pieces():  # which is said once, by that check
            return
        from drf_speedups.representation import install  # the framework looks at all settings

        try:
            install()
        except StepAside as reason:
            self.stepped_aside = str(reason)
