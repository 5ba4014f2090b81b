"""`manage.py speedups`: which actions are answered fast, and why others are not."""

from typing import Any

from django.core.management.base import BaseCommand

from drf_speedups.database.old_connections import look_before_closing
from drf_speedups.framework import are_imported, import_views

NO_FRAMEWORK = "no view behind this project's URLs is Django REST framework's"


class Command(BaseCommand):
    help = "List each view set's actions: on, or the reason why Django REST framework answers."

    def handle(self, *args: Any, **options: Any) -> None:
        look_before_closing()  # as whoever has an express lane does it
        import_views()
        if not are_imported():
            return self.stdout.write(NO_FRAMEWORK)
        from drf_speedups.report import lines

        # At once: who reads the first lines only, as `head` does, breaks no pipe.
        return self.stdout.write("\n".join(lines()))
