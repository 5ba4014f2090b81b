"""What checkov and hadolint say of images and manifests: nothing that is not excused there."""

import subprocess
import venv
from pathlib import Path

import pytest

from lab import ROOT
from tests.deploy.places import DEPLOY, DOCKERFILES

pytestmark = [pytest.mark.torture, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """Install both apart from .venv, whose pins they would not stand."""
    folder: Path = tmp_path_factory.mktemp("linters")
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-r", str(DEPLOY / "requirements.txt")], check=True)
    return folder / "bin"


def said(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_hadolint_finds_nothing(programs):
    assert said(programs / "hadolint", *DOCKERFILES.values()) == (0, "")


def test_hadolint_finds_what_is_wrong(programs, tmp_path):
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python:latest\nRUN cd /tmp && sudo pip install django\n")
    code, found = said(programs / "hadolint", wrong)
    assert code == 1
    assert {"DL3003", "DL3004", "DL3007"} <= set(found.split())


def test_checkov_finds_nothing_that_is_not_excused_in_a_line(programs):
    code, found = said(programs / "checkov", "--config-file", ".checkov.yaml")
    assert "kubernetes scan results" in found
    assert "dockerfile scan results" in found
    assert code == 0, found
