"""The implementations that can be measured: to add one, add one entry to `TARGETS`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from lab import ROOT
from lab.errors import LabError
from lab.experiments import services
from lab.experiments.services import BY_COMMAND, SUFFIX, Service


@dataclass(frozen=True)
class Target:
    """How to start one implementation of `tests/contract` and how to aim the load at it.

    `command` and the values of `env` may use {python}, {port}, {workers}, {threads},
    {database_url} and {secret}. Every target gets `COMMON_ENV` too. `ready` is the path that
    answers 200 once the implementation serves; `load` are options of locust/locustfile.py;
    `packages` are those whose versions belong beside its numbers.
    The header `X-Served-By: name/pid` tells the lab that the right implementation answered.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    load: tuple[str, ...] = ()
    ready: str = "/items/?limit=1"
    packages: tuple[str, ...] = ()
    worker_class: str = ""  # gunicorn's, where it is one of `ONE_AT_A_TIME`
    overlaps: bool = False  # under `BUFFERED`, where the piece is not switched off
    threads_are: str = "thread"  # what {threads} counts, in the singular
    optional: bool = False  # it runs on what `python -m peers install` has made, not on .venv
    service: Service | None = None  # somebody's own: it need not keep the contract

    @property
    def is_ours(self) -> bool:
        """Whether it is of the registry: it keeps the contract on the lab's own database."""
        return bool(self.command) and self.service is None

    def at_once(self, threads: int, env: Mapping[str, str]) -> int | None:
        """Return how many requests a worker has in hand; None: nobody said.

        `env` may choose another class of workers.
        """
        if not self.is_ours:
            return threads if self.service and self.service.uses("threads") else None
        if self._overlap(env):
            return MOST_UNDER_WAY
        chosen = env.get("GUNICORN_WORKER_CLASS", self.worker_class)
        return 1 if chosen in ONE_AT_A_TIME else threads

    def connections(self, threads: int, env: Mapping[str, str]) -> int:
        """Return how many database connections a worker holds: its links and one for the rest."""
        return threads + 1 if self._overlap(env) else self.at_once(threads, env) or 1

    def per_worker(self, env: Mapping[str, str]) -> str:
        """Return what a worker has {threads} of, in the singular; "": it has no such thing."""
        if self._overlap(env):
            return "link"
        if self.is_ours:
            return "" if self.at_once(2, env) == 1 else self.threads_are
        return self.threads_are if self.service and self.service.uses("threads") else ""

    def _overlap(self, env: Mapping[str, str]) -> bool:
        chosen = env.get("GUNICORN_WORKER_CLASS", self.worker_class)
        pieces = env.get("SPEEDUPS", "overlap").split(",")
        switched_on = "overlap" in pieces and env.get("OVERLAP_LINKS") != "0"
        return self.overlaps and chosen == BUFFERED and switched_on

    def lacking(self) -> str:
        """Return what to do before this target can be started, "" when nothing is missing."""
        if not self.optional or self._made().exists():
            return ""
        return f"{self.name} is not installed: python -m peers install {self.name}"

    def own_versions(self) -> Mapping[str, str]:
        """Return the versions of what an optional target brings itself."""
        versions: Mapping[str, str] = json.loads(self._made().read_text()) if self.optional else {}
        return versions

    def _made(self) -> Path:
        return ROOT / ".peers" / self.name / "versions.json"


BUFFERED = "drf_speedups.worker.BufferedWorker"
ONE_AT_A_TIME = {"sync", BUFFERED}
POOLED = "pooled connection"
MOST_UNDER_WAY = 256  # requests of one worker that overlap: drf_speedups.overlap

# The same words for everyone: what is measured is what is printed. POOL_SIZE is per worker, so
# that both a thread pool and an async pool hold workers x threads database connections.
COMMON_ENV: Mapping[str, str] = {
    "DATABASE_URL": "{database_url}",
    "PORT": "{port}",
    "WEB_CONCURRENCY": "{workers}",
    "POOL_SIZE": "{threads}",
    "LOG_LEVEL": "WARNING",
    "API_AUTH": "none",
}


def _gunicorn(peer: str, app: str, settings: str = "") -> tuple[str, ...]:
    # Always some settings: the project's gunicorn.conf.py would be read otherwise.
    config = f"python:peers.{settings or f'{peer}.serving'}"
    return ("{python}", "-m", "gunicorn", "--config", config, f"peers.{peer}.{app}")


def _optional(name: str) -> Target:
    command = ("{python}", "-m", "peers", "serve", name)
    secret = {"DJANGO_SECRET_KEY": "{secret}"} if name.startswith("django-") else {}
    return Target(name, command, secret, load=("--preset", "django"), optional=True)


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(
            name="django",
            command=("{python}", "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "project.wsgi"),
            env={
                "GUNICORN_THREADS": "{threads}",
                "OVERLAP_LINKS": "{threads}",  # as many connections as the pools of its rivals
                "DJANGO_SECRET_KEY": "{secret}",
                "DJANGO_ALLOWED_HOSTS": "127.0.0.1,localhost",
                "MAX_WAIT_SECONDS": "0",  # its rivals let everybody wait, too
            },
            load=("--preset", "django"),
            packages=("django", "djangorestframework", "gunicorn", "psycopg"),
            worker_class=BUFFERED,
            overlaps=True,
        ),
        Target(
            name="fastapi-sqlalchemy",
            command=("{python}", "-m", "peers.fastapi_sqlalchemy"),
            load=("--preset", "django"),
            packages=("fastapi", "uvicorn", "uvloop", "httptools", "sqlalchemy", "asyncpg"),
            threads_are=POOLED,
        ),
        Target(
            name="fastapi-asyncpg",
            command=("{python}", "-m", "peers.fastapi_asyncpg"),
            load=("--preset", "django"),
            packages=("fastapi", "uvicorn", "uvloop", "httptools", "asyncpg", "msgspec"),
            threads_are=POOLED,
        ),
        Target(
            name="flask-sqlalchemy",
            command=_gunicorn("flask_sqlalchemy", "app:app", "shared.gthread"),
            load=("--preset", "django"),
            packages=("flask", "gunicorn", "sqlalchemy", "psycopg", "msgspec"),
        ),
        Target(
            name="django-ninja",
            command=_gunicorn("django_ninja", "wsgi:application", "shared.gthread"),
            env={"DJANGO_SECRET_KEY": "{secret}"},
            load=("--preset", "django"),
            packages=("django", "django-ninja", "gunicorn", "psycopg", "msgspec"),
        ),
        Target(
            name="drf-stock",
            command=_gunicorn("drf_stock", "wsgi:application"),
            env={"DJANGO_SECRET_KEY": "{secret}"},
            load=("--preset", "django", "--list-field", "results"),
            packages=("django", "djangorestframework", "gunicorn", "psycopg"),
            worker_class="sync",
        ),
        _optional("go-pgx"),
        _optional("fastify-postgres"),
        _optional("django-bolt"),
        _optional("django-fastdrf"),
    )
}


# A target with something switched on or off: what does that cost? `compare django django-metrics`
VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "django-metrics": ("django", {"METRICS_PORT": "0", "METRICS_HOST": "127.0.0.1"}),
    "django-one-at-a-time": ("django", {"OVERLAP_LINKS": "0"}),
}


def variant(name: str) -> tuple[str, Mapping[str, str]]:
    """Return the target that a name stands for, and what of its environment is different."""
    return VARIANTS.get(name, (name, {}))


def named(name: str, url_load: tuple[str, ...] = (), by_command: Service | None = None) -> Target:
    """Return the target called `name`: of the registry, at a URL, of a TOML file, or by command.

    `url_load` are the load's options for those that are not of the registry. Raises `LabError`
    naming the known ones, or what an optional one lacks.
    """
    if is_url(name):
        if _parts(name).username is not None:
            raise LabError(
                "the address holds a name or password, which would be kept in plan and records: "
                "leave it out; LOCUST_API_KEY is sent as --auth-header says"
            )
        return Target(name.rstrip("/"), command=(), load=url_load)
    if by_command and name == BY_COMMAND:
        return _of(by_command, url_load)
    if name.endswith(SUFFIX):
        return _of(services.read(Path(name)), url_load)
    try:
        target = TARGETS[name]
    except KeyError:
        known = ", ".join((*TARGETS, *VARIANTS))
        raise LabError(
            f"there is no target {name!r}; known are {known}, the http:// address of a running "
            "service, or a .toml file that says how to start one"
        ) from None
    if target.lacking():
        raise LabError(target.lacking())
    return target


def _parts(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise LabError(f"{address!r} is no address: {error}") from error


def _of(service: Service, load: tuple[str, ...]) -> Target:
    options = (*services.split(service.load), *load)
    return Target(service.name, service.words, load=options, ready=service.ready, service=service)


def is_url(name: str) -> bool:
    """Whether a target is known by its address only: the lab neither starts nor caps it."""
    return name.startswith(("http://", "https://"))


def is_ours(name: str) -> bool:
    """Whether a target is of the registry: the lab makes its database and seeds its table."""
    return name in TARGETS
