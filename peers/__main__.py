"""`python -m peers install [NAME…]` and `python -m peers serve NAME`: the optional peers."""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from peers.toolchains import ROOT, Go, MissingError, NewerPython, Node

PEERS = ROOT / "peers"
OPTIONAL: dict[str, Go | Node | NewerPython] = {
    "go-pgx": Go(PEERS / "go_pgx"),
    "fastify-postgres": Node(PEERS / "fastify_postgres"),
    "django-bolt": NewerPython(PEERS / "django_bolt", ("-m", "peers.django_bolt")),
    "django-fastdrf": NewerPython(
        PEERS / "django_fastdrf",
        ("-m", "gunicorn", "--config", "python:peers.shared.gthread",
         "peers.django_fastdrf.wsgi:application"),
    ),
}  # fmt: skip


def main(words: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m peers", description=__doc__)
    parts = parser.add_subparsers(required=True, dest="part")
    several = parts.add_parser("install", help="all, or those that are named")
    several.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(OPTIONAL)}")
    parts.add_parser("serve", help="become the server").add_argument("name", choices=OPTIONAL)
    options = parser.parse_args(words)
    if options.part == "serve":
        if why := unready(options.name):
            return _say(why, 2)
        become(options.name)
    if unknown := [name for name in options.names if name not in OPTIONAL]:
        parser.error(f"there is no optional peer {unknown[0]!r}; known are {', '.join(OPTIONAL)}")
    return max([install(name) for name in options.names or OPTIONAL])


def install(name: str) -> int:
    """Make what a peer runs on, and a file of versions that tells that it is complete."""
    home = _home(name)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        versions = OPTIONAL[name].install(home)
    except MissingError as missing:
        return _say(f"{name} is skipped, because it needs {missing}", 2)
    except (OSError, subprocess.CalledProcessError) as error:
        return _say(f"{name} is not installed: {error}", 2)
    (home / "recipe").write_text(_digest(name))
    (home / "versions.json").write_text(json.dumps(versions) + "\n")
    said = ", ".join(f"{tool} {version}" for tool, version in versions.items())
    return _say(f"{name} is installed: {said}", 0)


def unready(name: str) -> str:
    """Return why a peer cannot be started and what to do, "" when it can."""
    home, again = _home(name), f"python -m peers install {name}"
    if not (home / "versions.json").exists():
        return f"{name} is not installed: {again}"
    if (home / "recipe").read_text() != _digest(name):
        return f"{name} was installed from other files than there are now: {again}"
    return ""


def become(name: str) -> NoReturn:
    """Replace this process by the server of a peer."""
    command, environment = OPTIONAL[name].command(_home(name))
    os.execvpe(command[0], command, {**os.environ, **environment})  # noqa: S606


def _say(line: str, code: int) -> int:
    print(line, file=sys.stderr)  # noqa: T201
    return code


def _digest(name: str) -> str:
    files = OPTIONAL[name].recipe()
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _home(name: str) -> Path:
    return ROOT / ".peers" / name


if __name__ == "__main__":
    sys.exit(main())
