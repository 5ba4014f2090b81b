"""A service under gunicorn with metrics, and what Prometheus reads from it."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lab.running.servers import Server
from tests.forks import serving
from tests.load.conftest import free_port
from tests.project.production import changing
from tests.project.test_gunicorn import CLASSES, DJANGO

INTERVAL = 0.1  # seconds after which a worker tells; without the tests' haste it takes five times
TOLD = 0.6  # seconds within which all workers have told


class Scrape:
    """What Prometheus reads at one moment."""

    def __init__(self, port: int) -> None:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.is_success
        families = text_string_to_metric_families(answer.text)
        self.samples: list[Any] = [sample for family in families for sample in family.samples]

    def all(self, name: str, **labels: str) -> list[Any]:
        return [one for one in self.samples
                if one.name == name and labels.items() <= one.labels.items()]  # fmt: skip

    def total(self, name: str, **labels: str) -> float:
        return sum(float(one.value) for one in self.all(name, **labels))


class Observed(NamedTuple):
    """A service with metrics, and the port on which they are read."""

    server: Server
    port: int
    kind: str

    def told(self) -> Scrape:
        """Read when all that has happened has been told."""
        time.sleep(TOLD)
        return Scrape(self.port)


@contextlib.contextmanager
def observed(url: str, folder: Path, kind: str = CLASSES[0], **env: str) -> Iterator[Observed]:
    port = free_port()
    env = {"METRICS_PORT": str(port), "METRICS_HOST": "127.0.0.1", **env}
    soon = changing(folder, "project.observability.metrics", "INTERVAL", INTERVAL)
    given = {"WEB_CONCURRENCY": "2", "GUNICORN_WORKER_CLASS": kind} | soon | env
    with serving(DJANGO, url, log=folder / "log", threads=2, env=given) as server:
        yield Observed(server, port, kind)
