"""Start an implementation, wait until it answers, and always take all of it down again."""

import contextlib
import http.client
import os
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from lab.errors import LabError
from lab.experiments.services import Service
from lab.experiments.targets import COMMON_ENV, Target
from lab.running import procfs
from lab.running.processes import Placement, Program, program

LOOPBACK = "127.0.0.1"
PLACES = {
    LOOPBACK: LOOPBACK,
    "::1": "[::1]",
}  # in a URL; some take `localhost` for the second one only
FOREGROUND = "it has to stay, so leave out what sends it to the background (-d, --daemon)"
BEFORE = 600.0  # seconds for what is to be done before a trial
PATIENCE = 180.0  # seconds with a service that is not ours: some load a model first
BROKEN = 500  # the first status that says that it cannot serve


@dataclass(frozen=True)
class Server:
    """A target that answers at `url`."""

    target: Target
    url: str
    program: Program | None  # None: the lab did not start it
    pid: int | None  # its first process, if it can be seen


@contextlib.contextmanager
def serving(
    target: Target,
    database_url: str,
    *,
    log: Path,
    workers: int = 1,
    threads: int = 4,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    placement: Placement | None = None,
    patience: float = 30.0,
) -> Iterator[Server]:
    """Serve `target` on loopback (a free port by default) until the block ends.

    `env` overrides the target's own environment; `patience` is in seconds. Raises `LabError`,
    with the log's last lines, when the port is busy, the server dies, or it does not answer.
    """
    port = _free_port() if port is None else _unused(port)
    words = {
        "python": sys.executable,
        "port": str(port),
        "workers": str(workers),
        "threads": str(threads),
        "database_url": database_url,
        "secret": secrets.token_urlsafe(50),
    }
    command, environment = _filled_in(target, words, _own(target) | dict(env or {}))
    if service := target.service:
        placement = replace(placement or Placement(), folder=Path(service.folder))
        environment = {**os.environ, **environment}
        patience = max(patience, PATIENCE)
    with program(
        command, log=log, env=environment, placement=placement, strays=service is not None
    ) as started:
        place = _where_it_answers(target, port, started, patience)
        # A container answers through a client, which is no part of it.
        is_there = service is None or procfs.listens(started.pid, port) is not False
        pid = started.pid if is_there else None
        yield Server(target, f"http://{place}:{port}", started, pid)


def prepare(service: Service, log: Path) -> None:
    """Run what is to be done before a trial. Raises `LabError` with its last line."""
    if not service.before:
        return
    env = {**os.environ, **service.environment()}
    place = Placement(folder=Path(service.folder))
    with program(shlex.split(service.before), log=log, env=env, placement=place) as started:
        code = started.wait(BEFORE)
        if code != 0:
            how = "does not end" if code is None else f"failed with exit code {code}"
            raise LabError(f"{service.before!r}, to be run before, {how}: {started.last_lines(1)}")


def running(target: Target, pid: int | None) -> Server:
    """Return what answers at a target's URL already. Raises `LabError` when nothing does."""
    if pid is not None and not psutil.pid_exists(pid):
        raise LabError(f"there is no process {pid}: give --pid of the first one of the server")
    parts = urlsplit(target.name)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except (OSError, ValueError) as error:
        raise LabError(f"nothing answers at {target.name} ({error}): start it first") from error
    return Server(target, target.name, None, pid)


def settings(
    target: Target, workers: int, threads: int, env: Mapping[str, str]
) -> dict[str, object]:
    """Return what a target is started with, without this machine's addresses and secrets."""
    words = {"python": "python", "workers": str(workers), "threads": str(threads)}
    recorded = target.service.recorded() if target.service else target.env
    command, environment = _filled_in(target, words, {**recorded, **env})
    return {
        "command": _typed(command), "env": environment,
        "at_once": target.at_once(threads, env), "connections": target.connections(threads, env),
        "per_worker": target.per_worker(env),
    }  # fmt: skip


def _typed(command: Sequence[str]) -> str:
    """Return a command as a person types it; {port} stays to be seen."""
    return " ".join(shlex.quote(word) if set(word) & set(" \"'") else word for word in command)


def _own(target: Target) -> dict[str, str]:
    return target.service.environment() if target.service else dict(target.env)


def _filled_in(
    target: Target, words: Mapping[str, str], env: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    templates = {**(COMMON_ENV if target.is_ours else {}), **env}
    environment = {name: _filled(value, words) for name, value in templates.items()}
    return [_filled(word, words) for word in target.command], environment


def _filled(template: str, words: Mapping[str, str]) -> str:
    # Not str.format: a value such as a JSON template or a URL may hold braces of its own.
    for name, value in words.items():
        template = template.replace("{" + name + "}", value)
    return template


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _unused(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise LabError(
                f"port {port} cannot be used ({error.strerror}): stop what listens there or "
                "choose another port"
            ) from error
    return port


def _where_it_answers(target: Target, port: int, started: Program, patience: float) -> str:
    """Wait until the target serves; return the host of its URL. Raises `LabError`."""
    deadline, said = time.monotonic() + patience, ""
    while time.monotonic() < deadline:
        found = {place: _status(place, port, target.ready or "/") for place in PLACES}
        if (code := started.exit_code()) is not None:
            why = f" ({FOREGROUND})" if code == 0 else ""
            raise LabError(
                f"{target.name} ended with exit code {code} while starting{why}; "
                f"its last lines:\n{started.last_lines()}"
            )
        for place, answer in found.items():
            is_fine = not target.ready and answer.isdigit() and int(answer) < BROKEN
            if answer == "200" or is_fine:
                return PLACES[place]
        said = found[LOOPBACK]
        time.sleep(0.01)
    wanted = f"GET {target.ready} with 200" if target.ready else "GET / on the port it was given"
    raise LabError(
        f"{target.name} did not answer {wanted} within {patience:.0f} s "
        f"(last: {said}); its last lines:\n{started.last_lines()}"
    )


def _status(place: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(place, port, timeout=5)
    try:
        connection.request("GET", path)
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
