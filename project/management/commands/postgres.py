"""`manage.py postgres`: look after the embedded PostgreSQL by hand."""

import os
import signal
import subprocess
import sys
from argparse import REMAINDER
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.database.embedded import SERVER, EmbeddedError

# At the second, the end of the terminal, a service would load itself anew and stay.
ENDS = (signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = "Start, stop, ask about or open the embedded PostgreSQL of development and the lab."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("start", help="start it and keep it running; prints its DATABASE_URL")
        actions.add_parser("stop", help="stop it")
        actions.add_parser("status", help="tell whether it runs (exit code 0) or not (3)")
        actions.add_parser("shell", help="open psql")
        run = actions.add_parser("exec", help="run a command with DATABASE_URL set")
        run.add_argument("command", nargs=REMAINDER, metavar="COMMAND")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED_POSTGRESQL_ALLOWED:
            raise CommandError("the embedded PostgreSQL is for development: set DJANGO_DEBUG=1")
        try:
            getattr(self, options["action"])(options)
        except EmbeddedError as error:
            raise CommandError(str(error)) from error

    def start(self, options: dict[str, Any]) -> None:
        SERVER.start()
        self.stdout.write(SERVER.url())

    def stop(self, options: dict[str, Any]) -> None:
        SERVER.stop()

    def status(self, options: dict[str, Any]) -> None:
        if not SERVER.running():
            self.stdout.write("stopped")
            sys.exit(3)  # as `pg_ctl status` and service managers do
        self.stdout.write(f"running {SERVER.url()}")

    def shell(self, options: dict[str, Any]) -> None:
        sys.exit(self._run([str(SERVER.programs() / "psql"), SERVER.url()]))

    def exec(self, options: dict[str, Any]) -> None:
        command = options["command"]
        command = command[1:] if command[:1] == ["--"] else command
        if not command:
            raise CommandError("name a command: manage.py postgres exec -- gunicorn project.wsgi")
        sys.exit(self._run(command))

    def _run(self, command: list[str]) -> int:
        """Run `command` while holding the server; Ctrl-C and what ends this end the command."""
        asked: list[int] = []
        ends = [one for one in ENDS if signal.getsignal(one) is not signal.SIG_IGN]  # as nohup does
        for one in ends:
            signal.signal(one, lambda number, _: asked.append(number))
        SERVER.hold()
        environment = os.environ | {"DATABASE_URL": SERVER.url()}
        try:
            child = subprocess.Popen(command, env=environment)
        except OSError as error:
            raise CommandError(f"cannot run {command[0]}: {error.strerror}") from error
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the child as well
        for one in ends:
            signal.signal(one, lambda *_: child.terminate())
        if asked:  # before there was a child to tell
            child.terminate()
        return child.wait()
