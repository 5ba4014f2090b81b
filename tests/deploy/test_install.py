"""`make install` as people come to it: twice at once, killed, moved, with what Python there is."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from lab import ROOT

pytestmark = [
    pytest.mark.torture,  # environments are made for real
    pytest.mark.skipif(not shutil.which("make"), reason="make is not installed"),
    pytest.mark.timeout(300),  # each environment takes seconds of CPU, and others test as well
]
PINNED = "# nothing: what pip does with a list is pip's\n"
RUN = Path(".venv", "bin", "python")
INSTALLING = "Installing the pinned requirements"
WAITING = "Another make installs into .venv: waiting for it"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that has its .venv: making one takes seconds."""
    made = checkout(tmp_path_factory.mktemp("whole"))
    assert INSTALLING in make(made).stderr
    assert make(made).stderr == ""
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout that has none yet."""
    return checkout(tmp_path)


@pytest.fixture
def moved(whole: Path, tmp_path: Path) -> Path:
    """That checkout in another place."""
    return shutil.copytree(whole, tmp_path / "renamed folder", symlinks=True)


def checkout(parent: Path) -> Path:
    """Make one with blanks in its name and nothing to install."""
    made = parent / "a folder with blanks"
    made.mkdir()
    for name in ("Makefile", "install.py", "gunicorn.pth"):
        shutil.copy(ROOT / name, made)
    (made / "requirements-dev.txt").write_text(PINNED)
    return made


def environment(**more: str) -> dict[str, str]:
    """Return this process's, without what an outer make said."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))
    }
    return kept | {"PYTHON": sys.executable} | more


def make(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-s", "install", *words], cwd=folder, env=environment(**env),
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip


def works(folder: Path) -> bool:
    """Tell whether .venv has a pip, which comes last before the requirements."""
    tried = subprocess.run([folder / RUN, "-c", "import pip"], capture_output=True, check=False)
    return tried.returncode == 0


def test_a_second_make_waits_until_the_first_has_installed(folder):
    command = ["make", "-s", "install"]
    first = subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE)
    while not (folder / RUN).exists():
        assert first.poll() is None
        time.sleep(0.001)
    second = make(folder)
    assert works(folder)
    assert (second.returncode, second.stderr.splitlines()) == (0, [WAITING])
    assert first.wait() == 0
    assert first.stderr
    assert first.stderr.read().count(INSTALLING.encode()) == 1
    first.stderr.close()


def test_a_half_made_environment_is_made_anew(folder):
    command = ["make", "-s", "install"]
    with subprocess.Popen(command, cwd=folder, env=environment(), start_new_session=True) as first:
        while not (folder / RUN).exists():
            assert first.poll() is None
            time.sleep(0.001)
        os.killpg(first.pid, signal.SIGKILL)
    (folder / RUN).with_name("left").touch()
    ended = make(folder, PYTHON="")  # which finds the half-made one first
    assert ended.returncode == 0
    assert INSTALLING in ended.stderr
    assert works(folder)
    assert not (folder / RUN).with_name("left").exists()
    assert make(folder).stderr == ""


def test_a_moved_folder_needs_nothing_anew(moved):
    ended = make(moved)
    assert (ended.returncode, ended.stderr) == (0, "")
    activated = subprocess.run(
        [". .venv/bin/activate && python -c 'import sys; print(sys.prefix)'"], cwd=moved,
        shell=True, env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert activated.stdout.strip() == str(moved / ".venv")


def test_requirements_that_changed_are_installed_or_said_to_be_missing_each_time(moved):
    (moved / "requirements-dev.txt").write_text("./not-there.whl\n")
    ended = make(moved)
    assert ended.returncode == 2
    assert "pip says above what could not be installed for Python" in ended.stderr
    (moved / "requirements-dev.txt").write_text(PINNED)
    assert INSTALLING in make(moved).stderr
    assert make(moved).stderr == ""


def wheel(folder: Path) -> Path:
    """Make a package that pip can install without a network."""
    made = folder / "a_package-1-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as packed:
        for name, text in (
            ("METADATA", "Metadata-Version: 2.1\nName: a-package\nVersion: 1\n"),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            packed.writestr(f"a_package-1.dist-info/{name}", text)
    return made


@pytest.mark.parametrize("told", ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN"])
def test_what_pip_puts_elsewhere_is_not_taken_for_installed(folder, tmp_path, told):
    (folder / "requirements-dev.txt").write_text("a_package==1  # why\n")
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel(tmp_path).parent)}
    elsewhere = "1" if told == "PIP_DRY_RUN" else str(tmp_path / "elsewhere")
    ended = make(folder, **offline, **{told: elsewhere})
    assert ended.returncode == 2
    assert "pip ended well, but a-package and others are not in .venv" in ended.stderr
    assert told in ended.stderr
    assert make(folder, **offline).returncode == 0
    assert make(folder).stderr == ""


def test_a_folder_that_can_have_no_environment_is_one_line(tmp_path):
    made = checkout(tmp_path).rename(tmp_path / "a:b")
    ended = make(made)
    assert ".venv cannot be made: Refusing to create a venv in " in ended.stderr
    assert "Traceback" not in ended.stderr


def pretend(folder: Path, name: str, lines: str) -> None:
    """Put a Python on the path that runs these lines before what it is asked to."""
    start = f"exec {sys.executable} -c '{lines}' " + '"$2"'
    program = folder / name
    program.write_text(f"#!/bin/sh\n{start}\n")
    program.chmod(0o755)


OLD = "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])"
WITHOUT_VENV = 'import sys; sys.modules["ensurepip"] = None; exec(sys.argv[1])'


def test_the_message_says_what_is_missing_and_how_to_get_it(folder, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "sh", "tail"):
        (programs / name).symlink_to(shutil.which(name) or "")
    pretend(programs, "python3.13", WITHOUT_VENV)
    pretend(programs, "python3", OLD)
    ended = make(folder, PATH=str(programs), PYTHON="")
    first, second, third, *_ = ended.stderr.splitlines()
    assert (
        first == "python3.13: ModuleNotFoundError: import of ensurepip halted; None in sys.modules"
    )
    assert second == "python3: AssertionError: older than 3.11"
    assert third.startswith("Python 3.11 or newer with venv is needed, and none of these will do")
    assert "apt install python3-venv" in third
    assert ended.returncode == 2


def test_where_an_upgrade_removed_the_python_the_newest_that_works_is_taken(moved, tmp_path):
    (moved / RUN).unlink()
    (moved / RUN).symlink_to("/usr/bin/python-that-was")
    programs = tmp_path / "bin"
    programs.mkdir()
    pretend(programs, "python3.14", WITHOUT_VENV)
    pretend(programs, "python3.13", OLD)
    for name, line in (("python3.12", f'exec {sys.executable} "$@"'), ("python3.11", "exit 1")):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    ended = make(moved, PATH=f"{programs}:{os.environ['PATH']}", PYTHON="")
    assert (ended.returncode, ended.stderr.count(INSTALLING)) == (0, 1)
    assert works(moved)
