"""Which hosts take part in a run, and as what: a TOML file, checked before anything starts."""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from lab import ROOT
from lab.errors import LabError
from lab.experiments.services import split


class Role(StrEnum):
    """What a host does."""

    DATABASE = "database"
    SERVICE = "service"
    LOAD_MASTER = "load-master"
    LOAD_WORKER = "load-worker"

    @property
    def party(self) -> str:
        """What its processes are in the records."""
        names = {Role.DATABASE: "database", Role.SERVICE: "server"}
        return names.get(self, "generator")

    @property
    def is_load(self) -> bool:
        """Whether the lab starts Locust there."""
        return self.party == "generator"


@dataclass(frozen=True)
class Host:
    """One host. Raises `LabError` at birth.

    `run` is put before each command to run it there. A database or service is started with
    `start`, a line for the shell with {workers} and {threads}, or runs already and says so in
    `pid_file`.
    """

    name: str
    role: Role
    address: str = ""
    run: str = ""  # such as `ssh web1`; empty: this machine
    start: str = ""
    pid_file: str = ""
    project: str = str(ROOT)  # the checkout there: Locust reads its files
    python: str = sys.executable  # of the environment there that has Locust

    def __post_init__(self) -> None:
        if self.role.is_load and (self.start or self.pid_file):
            raise LabError(f"host {self.name}: the lab starts Locust: leave out start and pid_file")
        if not self.role.is_load and bool(self.start) == bool(self.pid_file):
            raise LabError(f"host {self.name}: give start (a command) or pid_file, one of them")
        if self.role is Role.LOAD_MASTER and not self.address:
            raise LabError(f"host {self.name}: give the address at which load-workers find it")
        split(self.run, f"host {self.name}: run")

    @property
    def prefix(self) -> list[str]:
        """The words before a command."""
        return split(self.run)


@dataclass(frozen=True)
class Hosts:
    """All hosts, and the URL at which users find the service. Raises `LabError` at birth."""

    url: str
    hosts: tuple[Host, ...]
    ready: str = "/items/?limit=1"  # path that answers 200 once the service serves

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise LabError(f"url is {self.url!r}: give the http:// of the balancer or the service")
        names = [host.name for host in self.hosts]
        if twice := {name for name in names if names.count(name) > 1}:
            raise LabError(f"two hosts are called {', '.join(sorted(twice))}")
        if len(self.of(Role.LOAD_MASTER)) != 1:
            raise LabError("name exactly one host with the role load-master")
        for role in (Role.SERVICE, Role.LOAD_WORKER):
            if not self.of(role):
                raise LabError(f"name at least one host with the role {role}")

    def of(self, *roles: Role) -> list[Host]:
        """Return the hosts with these roles."""
        return [host for host in self.hosts if host.role in roles]

    def uses(self, word: str) -> bool:
        """Whether a service is told this when it is started."""
        return any(f"{{{word}}}" in host.start for host in self.of(Role.SERVICE))

    @property
    def master(self) -> Host:
        """The host that leads the load."""
        return self.of(Role.LOAD_MASTER)[0]


def read(path: Path) -> Hosts:
    """Return the hosts of a file. Raises `LabError` that names the file and what to mend."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        hosts = tuple(_host(one) for one in _expect(found, "host", list))
        ready = _expect({"ready": Hosts.ready} | found, "ready", str)
        return Hosts(_expect(found, "url", str), hosts, ready)
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, LabError) as error:
        raise LabError(f"{path}: {error}") from error


def _host(found: Mapping[str, Any]) -> Host:
    known = [field.name for field in fields(Host)]
    name = _expect(found, "name", str)
    if strange := sorted(set(found) - set(known)):
        raise LabError(f"host {name}: no {strange[0]!r} is known; known are {', '.join(known)}")
    for key in found:
        _expect(found, key, str)
    role = _expect(found, "role", str)
    if role not in list(Role):
        raise LabError(f"host {name}: no role {role!r}; known are {_listed(list(Role))}")
    return Host(**{**found, "role": Role(role)})


def _expect(found: Mapping[str, Any], key: str, kind: type) -> Any:
    if not isinstance(value := found.get(key), kind):
        raise LabError(f"{key} is {value!r}: give {'[[host]] tables' if kind is list else 'text'}")
    return value


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
