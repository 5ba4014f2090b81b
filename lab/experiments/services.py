"""Somebody's own service, as the lab is told to start it: a command, or a TOML file."""

import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.errors import LabError

SUFFIX = ".toml"
LOAD = "the load's options"
BY_COMMAND = "service"  # what the target of --command is called
VARIABLE = re.compile(r"\$(\w+)$")  # a value that stands in the lab's own environment


@dataclass(frozen=True)
class Service:
    """How to start a service that is not one of the lab's own. Raises `LabError` at birth.

    `command` and the values of `env` may use {port}, {workers} and {threads}. The service has the
    lab's whole environment, and `env` besides: of that, only values with such words are recorded.
    A value `$NAME` is taken from the lab's environment.
    """

    command: str
    name: str = BY_COMMAND
    folder: str = "."  # it is started in, seen from the file that says so
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str = ""  # path that answers 200 once it serves; "": any answer below 500 will do
    database: str = ""  # address of its database, whose counters and CPU are watched
    before: str = ""  # command before each trial: such as one that resets the table
    load: str = ""  # options of locust/locustfile.py, as `lab probe` finds them

    def __post_init__(self) -> None:
        if not self.uses("port"):
            raise LabError(
                f"the command {self.command!r} has no {{port}}: write it where the service is told "
                "on which port to listen, such as --port {port}"
            )
        if self.ready and not self.ready.startswith("/"):
            raise LabError(f"ready is {self.ready!r}: give a path, such as /health")
        for words in (self.command, self.before):
            split(words)
        split(self.load, LOAD)
        if _password(self.database):
            raise LabError(
                "the database's address has a password in it, which would be kept in the plan: "
                "put the address into a variable and give $NAME, or use PGPASSWORD"
            )

    def uses(self, word: str) -> bool:
        """Whether the service is told this when it is started."""
        return any(f"{{{word}}}" in text for text in (self.command, *self.env.values()))

    @property
    def words(self) -> tuple[str, ...]:
        """The command, word by word."""
        return tuple(split(self.command))

    def environment(self) -> dict[str, str]:
        """Return what it is started with besides the lab's own. Raises `LabError`."""
        return {name: resolved(value) for name, value in self.env.items()}

    def recorded(self) -> dict[str, str]:
        """Return the part of `env` that may be read by others."""
        return {
            name: value if "{" in value or VARIABLE.match(value) else "(not recorded)"
            for name, value in self.env.items()
        }


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError as error:
        raise LabError(f"database: no address ({error})") from error


def split(words: str, what: str = "the command") -> list[str]:
    """Return the words of a line as a shell reads it. Raises `LabError`."""
    try:
        return shlex.split(words)
    except ValueError as error:
        raise LabError(f"{what} {words!r} cannot be read: {error}") from error


def resolved(value: str) -> str:
    """Return a value, or for `$NAME` that of the lab's environment. Raises `LabError`."""
    if not (found := VARIABLE.match(value)):
        return value
    if found[1] not in os.environ:
        raise LabError(f"{value} is not in the environment: set it")
    return os.environ[found[1]]


def read(path: Path) -> Service:
    """Return the service of a file. Raises `LabError` that names the file and what to mend."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        found = {"name": path.stem, **found}
        _refuse_strange(found)
        return Service(**{**found, "folder": str(path.parent / found.get("folder", "."))})
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, LabError) as error:
        raise LabError(f"{path}: {error}") from error


def _refuse_strange(found: Mapping[str, Any]) -> None:
    known = [one.name for one in fields(Service)]
    if strange := sorted(set(found) - set(known)):
        raise LabError(f"no {strange[0]!r} is known; known are {', '.join(known)}")
    if "command" not in found:
        raise LabError('give command, such as "uvicorn app:app --port {port} --workers {workers}"')
    for name, value in found.items():
        texts = value.values() if name == "env" and isinstance(value, Mapping) else [value]
        if not all(isinstance(text, str) for text in texts):
            raise LabError(f"{name} is {value!r}: give text in quotation marks")
