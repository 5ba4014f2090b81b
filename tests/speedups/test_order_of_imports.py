"""Whoever names classes in REST framework's settings imports its views first: ours do not."""

import json
import os
import subprocess
import sys

import pytest

from lab import ROOT
from tests.speedups import circular
from tests.speedups.circular import (
    AUTHENTICATION,
    BEFORE,
    COMMAND,
    CROWD,
    LISTS,
    PAGINATION,
    STARTED,
    TESTED,
)

BOTH = PAGINATION | AUTHENTICATION


@pytest.fixture
def run(tmp_path, database_url):
    """Give what runs a program in a fresh process of the project, and returns what it says."""

    def run(program, *args, named, files=circular.FILES):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "shop.settings", "DATABASE": database_url,
            "NAMED": json.dumps(named), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", STARTED + program, *args],
            cwd=tmp_path, env=environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.mark.parametrize("named", [PAGINATION, AUTHENTICATION, BOTH, {}])
@pytest.mark.parametrize("files", [circular.FILES, circular.DECORATED], ids=["plain", "decorated"])
@pytest.mark.django_db(transaction=True)
def test_a_project_starts_with_the_entry_first_and_its_lists_are_the_database_s(run, named, files):
    found, answers, written = json.loads(run(LISTS, "/books/", named=named, files=files))
    assert found == []  # when the project had been set up
    assert len(set(answers)) == 1
    assert '"title":"b"' in answers[0]
    assert written == len(answers)


@pytest.mark.django_db
def test_checks_and_the_command_import_the_project_s_views_first(run):
    assert "drf_speedups." not in run(COMMAND, "check", named=BOTH)
    said = run(COMMAND, "speedups", named=BOTH)
    assert "rows of any view set (representation): on\n" in said
    assert "lists by the database" in said


@pytest.mark.django_db
def test_what_tests_of_a_project_import_of_ours_comes_after_its_views_too(run):
    assert json.loads(run(TESTED, named=BOTH))[0] is True


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("named", [AUTHENTICATION, PAGINATION])
def test_lists_of_a_project_without_generic_views_are_the_database_s(run, named):
    files = circular.FILES | {"shop/api/views.py": circular.ONLY_VIEWS}
    found, answers, written = json.loads(run(LISTS, "/single/", named=named, files=files))
    assert (found, len(set(answers)), written) == ([], 1, len(answers))


@pytest.mark.django_db
def test_what_settings_name_of_ours_imports_no_views_of_the_framework(run):
    assert json.loads(run(BEFORE, named=BOTH)) == []


@pytest.mark.django_db(transaction=True)
def test_threads_that_import_the_views_at_once_are_all_answered(run):
    number, different, installed = json.loads(run(CROWD, named=BOTH))
    assert (number, len(different), installed) == (40, 1, True)
    assert '"title":"a"' in different[0]
