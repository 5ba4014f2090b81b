"""`python -m lab.running.launch --parent PID [--cores 0,1] [--group DIR]... -- COMMAND...`.

Takes its place on the cores, in the control groups and the folder, then becomes COMMAND: before
the program's first instruction, so that no worker is forked elsewhere.
The program also gets SIGTERM when the lab dies, however it dies.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Take the place and execute the command in this process."""
    options = _read(sys.argv[1:])
    try:
        _take_place(options)
        os.execvp(options.command[0], options.command)  # noqa: S606
    except OSError as error:
        sys.exit(f"cannot start {options.command[0]}: {error}")


def placed(words: Sequence[str]) -> list[str]:
    """Take the place that the words after `launch` say; return the command. Raises `OSError`."""
    options = _read(words)
    _take_place(options)
    command: list[str] = options.command
    return command


def _read(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab.running.launch")
    parser.add_argument("--parent", type=int, help="who started this: without it, it must not run")
    parser.add_argument("--cores", help="comma-separated CPU numbers")
    parser.add_argument("--group", action="append", default=[], type=Path, help="a cgroup folder")
    parser.add_argument("--folder", type=Path, help="where to work")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(words)


def _take_place(options: argparse.Namespace) -> None:
    """Enter the control groups, pin to the cores, and go to the folder."""
    for group in options.group:
        (group / "cgroup.procs").write_text(str(os.getpid()))
    if options.cores:
        os.sched_setaffinity(0, {int(core) for core in options.cores.split(",")})
    if options.folder:
        os.chdir(options.folder)
    _end_with_parent(options.parent)


def _end_with_parent(parent: int | None) -> None:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux only; elsewhere a killed lab leaves its servers to the user
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if parent and os.getppid() != parent:  # it died before the kernel was asked to say so
        sys.exit("the lab has ended")


if __name__ == "__main__":
    main()
