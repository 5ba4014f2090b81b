"""The entry for INSTALLED_APPS: system checks and `manage.py speedups`."""

from django.apps import AppConfig
from django.core import checks


class SpeedupsConfig(AppConfig):
    name = "drf_speedups"
    verbose_name = "DRF speed-ups"

    def ready(self) -> None:
        """Let Django look at our settings when it looks at those of everybody else."""
        from drf_speedups.checks import check_settings, check_way_to_database

        checks.register(check_settings)
        checks.register(check_way_to_database)
