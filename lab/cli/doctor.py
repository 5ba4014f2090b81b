"""`python -m lab doctor`: what this machine can measure, what it cannot, and what follows."""

import argparse
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from lab.errors import LabError
from lab.running.caps import available_cores, divide, enforced, share_out
from lab.running.database.postgres import database
from lab.running.machine import require_linux, versions
from lab.running.outer import outer

DESCRIPTION = "report what this machine can measure and what is missing"
GOOD, SO_SO, BAD = "ok", "but", "NO"
DISK_NEEDED = 2 * 1024**3  # bytes: a sweep's logs and a table of a million rows
FILES_NEEDED = 4096  # open files: 1000 users, their answers' ends, and more
BUSY = 0.2  # cores that others may use before they are worth a word
PACKAGES = ("locust", "gevent", "numpy", "scipy", "matplotlib", "psycopg", "psutil")
MIB = 1024 * 1024
AROUND = "a control group around the lab, such as a container's,"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, and what follows from it."""

    verdict: str
    what: str


def add_options(part: argparse.ArgumentParser) -> None:
    """Declare its options."""
    part.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="folder to check for space and permission",
    )


def run(options: argparse.Namespace) -> None:
    """Print all findings. Raises `LabError` when nothing can be measured here."""
    require_linux()
    console = Console(highlight=False)
    findings = []
    for finding in _findings(options.results):
        console.print(f"{finding.verdict:>3}  {finding.what}", markup=False, soft_wrap=True)
        findings.append(finding)
    bad = sum(1 for finding in findings if finding.verdict == BAD)
    if bad:
        raise LabError(f"{bad} of these must be fixed before this machine can measure anything")


def _findings(results: Path) -> Iterator[Finding]:
    yield _python()
    yield _packages()
    yield _cores()
    yield from _around()
    yield from _caps()
    yield _open_files()
    yield _disk(results)
    yield _others()
    yield _postgresql()


def _python() -> Finding:
    said = f"Python {'.'.join(map(str, sys.version_info[:3]))}"
    return Finding(GOOD if sys.version_info >= (3, 11) else BAD, f"{said} (3.11 or later)")


def _packages() -> Finding:
    found = versions(PACKAGES)
    if missing := [name for name in PACKAGES if name not in found]:
        return Finding(BAD, f"not installed: {', '.join(missing)}; `make install` installs all")
    return Finding(GOOD, ", ".join(f"{name} {version}" for name, version in found.items()))


def _cores() -> Finding:
    cores = available_cores()
    apart = share_out(cores, len(cores))
    verdict = GOOD if len(cores) > 2 else SO_SO
    return Finding(verdict, f"{len(cores) or os.cpu_count()} cores: {apart.sentence}")


def _around() -> Iterator[Finding]:
    """Say what a container, or another control group around the lab, takes away from it."""
    cores, found = len(available_cores()) or os.cpu_count() or 1, outer()
    if found.cpus and found.cpus < cores:
        yield Finding(SO_SO, f"{AROUND} allows {found.cpus:g} of these cores to "
                      "service, database and load together")  # fmt: skip
    if found.memory and found.memory < psutil.virtual_memory().total:
        yield Finding(SO_SO, f"{AROUND} allows all of them {found.memory // MIB:,} MiB of memory")


def _caps() -> Iterator[Finding]:
    nothing = divide((), 1)
    with enforced(nothing, 0.5, 256 * MIB) as cap:
        for holds, said in zip(cap.holds.values(), cap.sentences[1:], strict=True):
            yield Finding(GOOD if holds else SO_SO, f"tried a {said}")


def _open_files() -> Finding:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = most == resource.RLIM_INFINITY or most >= FILES_NEEDED
    said = f"{'any number of' if most == resource.RLIM_INFINITY else most} open files (ulimit -Hn)"
    return Finding(GOOD if enough else SO_SO, f"{said}: each user holds one at both ends")


def _disk(results: Path) -> Finding:
    whole = results.absolute()
    place = next(folder for folder in (whole, *whole.parents) if folder.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding(BAD, f"cannot write to {results}: {error.strerror}; choose --results")
    said = f"{free // 1024**3} GiB free for {results}"
    return Finding(GOOD if free > DISK_NEEDED else SO_SO, f"{said} (2 are plenty)")


def _others() -> Finding:
    used = psutil.cpu_percent(interval=1.0) / 100 * (os.cpu_count() or 1)
    if used < BUSY:
        return Finding(GOOD, f"other programs use {used:.2f} cores")
    return Finding(
        SO_SO, f"other programs use {used:.2f} cores: measurements made now will carry a doubt"
    )


def _postgresql() -> Finding:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with database(Path(folder) / "log", name="doctor") as found:
                version, most = found.settings["server_version"], found.settings["max_connections"]
        except LabError as error:
            return Finding(BAD, f"PostgreSQL: {error}")
    whose = "of DATABASE_URL" if "DATABASE_URL" in os.environ else "embedded"
    return Finding(GOOD, f"PostgreSQL {version} ({whose}), {most} connections")
