"""`manage.py test`: the tests are pytest's, and Django's own runner would find errors only."""

import os
import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run the tests with pytest, whose options and paths may follow; `make test` runs all."

    def run_from_argv(self, argv: list[str]) -> None:
        """Let pytest take the place of this process, which has asked no database."""
        pytest = ("-m", "pytest", "--ds=tests.settings")
        os.execv(sys.executable, [sys.executable, *pytest, *argv[2:]])  # noqa: S606
