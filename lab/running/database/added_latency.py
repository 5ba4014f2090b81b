"""`--db-rtt`: put the database further away, by a relay that the service connects to."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from lab.errors import LabError
from lab.running.processes import Placement, Program, program

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 5432
START_LIMIT = 20.0  # seconds


@contextlib.contextmanager
def further_away(
    url: str, seconds: float, log: Path, cores: tuple[int, ...]
) -> Iterator[tuple[str, Program | None]]:
    """Yield the URL of a database whose round trips take `seconds` longer, and the relay.

    Not `tc netem`: it delays IP packets, so neither the embedded server's UNIX socket nor, on
    loopback, the database alone; it needs root and a kernel module, and stays after a kill.
    Raises `LabError` when the relay does not start.
    """
    if not seconds:
        yield url, None
        return
    words = ("--to", _address(url), "--delay", str(seconds / 2))
    command = (sys.executable, "-m", "lab.running.database.relay", *words)
    with program(command, log=log, env={}, placement=Placement(cores)) as relay:
        yield _through(url, _printed_port(relay)), relay


def _printed_port(relay: Program) -> int:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and relay.exit_code() is None:
        said = relay.log.read_text(encoding="utf-8", errors="replace")
        if said.startswith("port ") and said.endswith("\n"):
            return int(said.split()[1])
        time.sleep(0.02)
    raise LabError(f"the relay before the database did not start: {relay.last_lines(2)}")


def _address(url: str) -> str:
    """Return where the database listens, as `lab.running.database.relay` takes it."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORT
    folder = dict(parse_qsl(parts.query)).get("host", unquote(parts.hostname or ""))
    if folder.startswith("/"):
        return f"{folder}/.s.PGSQL.{port}"
    return f"{folder or LOOPBACK}:{port}"


def _through(url: str, port: int) -> str:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    query = [
        (name, value) for name, value in parse_qsl(parts.query) if name not in ("host", "port")
    ]
    netloc = f"{user}@{LOOPBACK}:{port}" if user else f"{LOOPBACK}:{port}"
    return parts._replace(netloc=netloc, query=urlencode(query)).geturl()
