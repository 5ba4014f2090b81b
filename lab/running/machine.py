"""Facts about the machine and the code that a reader needs to place a number."""

import math
import os
import platform
import resource
import select
from collections.abc import Iterable, Sized
from importlib import metadata
from pathlib import Path
from subprocess import CalledProcessError, run
from typing import Any

import psutil

from lab import ROOT
from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.running.caps import available_cores
from lab.running.outer import Outer, outer

MIB = 1024 * 1024
PROC = Path("/proc/self/stat")
LEAST_MEMORY = 48 * MIB  # a Python web server with one worker does not start in less
LAB_PACKAGES = ("locust", "gevent", "geventhttpclient", "numpy", "psycopg")


def facts(cores: Sized = ()) -> dict[str, Any]:
    """Return what is the same for all trials of this run, without names of users or folders.

    `cores` are those the lab may use; none: all.
    """
    around = outer()
    return {
        "cpu": _cpu_model(),
        "cores": len(cores) or os.cpu_count(),
        "quota": around.cpus,  # of them, that all processes may use together; None: all
        "memory": _memory(around),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": versions(LAB_PACKAGES),
        **_commit(),
    }


def require_linux() -> None:
    """Raise `LabError` where what the lab reads and starts servers with is not there."""
    if not (PROC.exists() and hasattr(select, "epoll")):
        raise LabError(
            "measuring needs Linux (/proc, epoll), so run it there or in a container; "
            "here `make serve`, `make load`, `lab report` and `lab plan` work"
        )


def refuse_impossible(conditions: Conditions) -> None:
    """Raise `LabError` for caps that this machine could not be capped at."""
    around = outer()
    memory = _memory(around)
    cores = min(len(available_cores()) or os.cpu_count() or 1, around.cpus or math.inf)
    if conditions.cpus and conditions.cpus > cores:
        has = f"this machine has {cores:g}"
        raise LabError(f"a cap of {conditions.cpus:g} CPUs has no effect: {has}")
    if conditions.memory and not LEAST_MEMORY <= conditions.memory <= memory:
        raise LabError(
            f"a cap of {conditions.memory / MIB:.0f} MiB of memory: a server starts in "
            f"{LEAST_MEMORY // MIB} MiB or more, and this machine has {memory // MIB:,}"
        )


def allow_open_files() -> None:
    """Raise the limit of open files to what is allowed: each user holds one at both ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed versions; a package that is not there is left out."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _memory(around: Outer) -> int:
    total = psutil.virtual_memory().total
    return min(total, around.memory or total)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _commit() -> dict[str, Any]:
    """Return the commit and whether files differ from it; nothing outside a git checkout.

    Nor in a copy that lies somewhere in the checkout of something else.
    """
    try:
        if Path(_git("rev-parse", "--show-toplevel")).resolve() != ROOT:
            return {}
        return {
            "commit": _git("rev-parse", "HEAD"),
            "changed_files": len(_git("status", "--porcelain").splitlines()),
        }
    except (OSError, CalledProcessError):
        return {}


def _git(*words: str) -> str:
    return run(("git", *words), cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
