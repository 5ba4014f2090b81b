"""Whoever names classes in REST framework's settings imports it first: nothing of ours does."""

import json
import os
import subprocess
import sys
import threading
import time
from unittest import mock

import pytest
from django.core.signals import request_started
from django.test import override_settings

from drf_speedups import framework
from drf_speedups.representation import ROWS
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
@pytest.mark.django_db(transaction=True)
def test_a_project_starts_with_the_entry_first_and_its_second_list_is_the_database_s(run, named):
    found, answers, written, waited = json.loads(run(LISTS, "/books/", named=named))
    assert found == []  # when the project had been set up
    assert len(set(answers)) == 1
    assert '"title":"b"' in answers[0]
    assert written == 2
    assert waited == 1  # and no longer: from then on no request is looked at


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
@pytest.mark.parametrize(("named", "written"), [(AUTHENTICATION, 2), (PAGINATION, 0)])
def test_a_project_without_generic_views_has_lists_where_importing_them_imports_nothing_else(
    run, named, written
):
    files = circular.FILES | {"shop/api/views.py": circular.ONLY_VIEWS}
    found, answers, lists, _ = json.loads(run(LISTS, "/single/", named=named, files=files))
    assert (found, len(set(answers)), lists) == ([], 1, written)


@pytest.mark.django_db
def test_what_settings_name_of_ours_imports_nothing_of_the_framework(run):
    assert json.loads(run(BEFORE, named=BOTH)) == []


@pytest.mark.django_db(transaction=True)
def test_threads_that_import_the_views_at_once_are_all_answered(run):
    number, different, installed = json.loads(run(CROWD, named=BOTH))
    assert (number, len(different), installed) == (40, 1, True)
    assert '"title":"a"' in different[0]


@pytest.fixture
def waiting():
    """Give a mock that stands for putting ours in their places, which waits for a request."""
    with mock.patch.object(ROWS, "install") as install:
        with mock.patch.object(framework, "is_imported", return_value=False):
            framework.install_when_imported()
        try:
            yield install
        finally:
            request_started.disconnect(framework._install)


def test_a_request_that_finds_the_framework_half_imported_is_the_framework_s(waiting):
    spec = sys.modules["rest_framework.generics"].__spec__
    with (
        mock.patch.object(spec, "_initializing", True),
        override_settings(REST_FRAMEWORK=PAGINATION),
    ):
        request_started.send(None)
    waiting.assert_not_called()
    request_started.send(None)
    request_started.send(None)
    waiting.assert_called_once()


def test_threads_at_the_first_requests_put_ours_in_their_places_once(waiting):
    waiting.side_effect = lambda: time.sleep(0.01)
    together = threading.Barrier(8)

    def ask():
        together.wait()
        request_started.send(None)

    threads = [threading.Thread(target=ask) for _ in range(together.parties)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    waiting.assert_called_once()
