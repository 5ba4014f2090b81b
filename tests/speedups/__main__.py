"""`drf_speedups/` under other versions than the pinned ones, each in a temporary environment.

    python -m tests.speedups --python python3.12 --django 6.1 --drf 3.16 3.17 3.18

Every Django is tried with every REST framework that can be imported under it, each the newest
release of its series; the rest is as pinned. A pair takes two minutes of installs and two of tests.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

from lab import ROOT

DJANGO, DRF = ("5.2", "6.1"), ("3.16", "3.17", "3.18")
APART = {("6.1", "3.16"), ("6.1", "3.17")}  # Django 6.1 has no `cc_delim_re`, which these import
NEWER = ("3.14", "3.13", "3.12")  # Django 6 needs 3.12
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
VERSIONS = "import django, platform, rest_framework; print('Python', platform.python_version(), "
VERSIONS += "'Django', django.__version__, 'REST framework', rest_framework.__version__)"


def main() -> int:
    """Try every pair; return 0 when the tests pass under all of them, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.speedups", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--python", default=newest(), help="default: %(default)s")
    parser.add_argument("--django", nargs="+", default=DJANGO, metavar="SERIES")
    parser.add_argument("--drf", nargs="+", default=DRF, metavar="SERIES")
    parser.add_argument("tests", nargs="*", default=["tests/speedups"], help="for pytest")
    options = parser.parse_args()
    if shutil.which(options.python) is None:
        parser.error(f"there is no program {options.python!r}: give --python a name or a path")
    pairs = sorted({*product(options.django, options.drf)} - APART)
    if not pairs:
        parser.error("none of these versions of REST framework can be imported under that Django")
    failed = [
        f"Django {django} with REST framework {drf}"
        for django, drf in pairs
        if not passes(options.python, {"Django": django, "djangorestframework": drf}, options.tests)
    ]
    print("failed: " + ", ".join(failed) if failed else "passed under all")  # noqa: T201
    return 1 if failed else 0


def newest() -> str:
    """Return the newest Python that this machine has for Django 6, else this one."""
    candidates = (
        str(python)
        for version in NEWER
        for python in (f"python{version}", *PYENV.glob(f"{version}.*/bin/python3"))
    )
    return next(filter(has_venv, candidates), sys.executable)


def has_venv(python: str) -> bool:
    """Tell whether a Python is there and makes environments."""
    try:
        tried = subprocess.run([python, "-c", "import ensurepip"], check=False, capture_output=True)
    except OSError:
        return False
    return tried.returncode == 0


def passes(python: str, series: dict[str, str], tests: list[str]) -> bool:
    """Tell whether the tests pass with these packages instead of the pinned ones."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        run = str(Path(folder, "bin", "python"))
        wanted = Path(folder, "requirements.txt")
        wanted.write_text("\n".join(requirements(series)))
        steps = (
            ["-m", "pip", "install", "--quiet", "-r", str(wanted)],
            ["-c", VERSIONS],
            ["-m", "pytest", "-n", "3", "-q", *tests],
        )
        return not any(
            subprocess.run([run, *step], cwd=ROOT, check=False).returncode for step in steps
        )


def requirements(series: dict[str, str]) -> list[str]:
    """Return what is pinned, these packages at the newest release of their series."""
    pinned = [
        line
        for file in sorted(ROOT.glob("requirements*.txt"))
        for line in file.read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    names = "|".join(series)
    kept = [line for line in pinned if not re.match(rf"({names})==", line)]
    return kept + [f"{name}=={version}.*" for name, version in series.items()]


if __name__ == "__main__":
    sys.exit(main())
