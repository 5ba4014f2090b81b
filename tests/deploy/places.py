"""Where the files of deployment are, and what they have to agree with."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from lab import ROOT

DEPLOY = ROOT / "deploy"
DEBIAN_13 = Path("/opt/debian13")  # unpacked by .ci/run: see unpack_debian13.sh
DOCKERFILES = {
    "items": "Dockerfile",
    "items-fastapi": "deploy/images/fastapi.Dockerfile",
    "items-locust": "deploy/images/locust.Dockerfile",
    "items-pgbouncer": "deploy/pgbouncer/Dockerfile",
}
PEERS_NAMES = {"DATABASE_URL", "WEB_CONCURRENCY", "POOL_SIZE", "LOG_LEVEL", "HOST", "PORT"}


def read(*path: str):
    """Return the one document of a YAML file, by its path below the project's root."""
    return yaml.safe_load(ROOT.joinpath(*path).read_text())


def recipe(name: str) -> str:
    """Return a Dockerfile, its continued lines joined."""
    return (ROOT / name).read_text().replace("\\\n", " ")


def instructions(image: str, name: str) -> list[str]:
    """Return what follows an instruction of an image's last stage, each time it occurs."""
    last = re.split(r"^FROM ", recipe(DOCKERFILES[image]), flags=re.MULTILINE)[-1]
    return re.findall(rf"^{name} (.+)$", last, flags=re.MULTILINE)


def first(pattern: str, text: str) -> str:
    """Return the first group of a pattern's first match, which there has to be."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found, f"{pattern} is not there"
    return found[1]


def drain() -> int:
    """Return the seconds that gunicorn gives to what it has accepted."""
    return int(first(r"^graceful_timeout = (\d+)", recipe("gunicorn.conf.py")))


def connections_of_a_worker(env: Mapping[str, str | None]) -> int:
    """Return how many database connections a worker of the default class holds."""
    settings = (ROOT / "project" / "settings.py").read_text()
    links = env.get("OVERLAP_LINKS") or first(r'number\("OVERLAP_LINKS", (\d+)', settings)
    return 1 + int(links)  # and the one that does not overlap; `gthread` has one for each thread
