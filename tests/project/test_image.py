"""The image, as far as its recipe can be checked without a container engine."""

import fnmatch
import json
import re

import pytest

from tests.project.production import ROOT

RECIPE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
STAGES = re.split(r"^FROM ", RECIPE, flags=re.MULTILINE)[1:]
FINAL = STAGES[-1]


def copied(stage):
    lines = re.findall(r"^COPY (?!--from)(?:--chmod=\d+ )?(.+)$", stage, flags=re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


@pytest.mark.parametrize("source", copied(RECIPE))
def test_what_is_copied_is_there_and_not_ignored(source):
    assert (ROOT / source).exists()
    kept = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    assert any(fnmatch.fnmatch(source, pattern) for pattern in kept)


def test_the_image_holds_the_service_and_nothing_else():
    assert len(STAGES) == 2
    assert set(copied(FINAL)) == {
        "manage.py",
        "gunicorn.conf.py",
        "drf_speedups",
        "crud",
        "project",
    }
    assert "requirements-dev" not in RECIPE


def test_gunicorn_is_process_1_and_nobody_runs_it():
    command = json.loads(re.findall(r"^CMD (.+)$", FINAL, flags=re.MULTILINE)[0])
    assert command == ["gunicorn", "project.wsgi"]
    assert re.search(r"^USER (?!0|root)", FINAL, flags=re.MULTILINE)
    assert "/livez" in re.findall(r"^HEALTHCHECK .*$", FINAL, flags=re.MULTILINE)[0]
    assert "DJANGO_DEBUG=0" in FINAL


def test_production_installs_no_database_no_load_and_no_test_tool():
    pinned = (ROOT / "requirements.txt").read_text().lower()
    assert not re.search(r"^(pixeltable|locust|pytest|psutil|mypy)", pinned, flags=re.MULTILINE)
    lines = [line for line in pinned.splitlines() if line and not line.startswith("#")]
    assert all("==" in line for line in lines)
