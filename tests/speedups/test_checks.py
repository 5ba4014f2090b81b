"""Django's system checks: a setting that says nothing is found when a project starts."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test import override_settings

import drf_speedups
from drf_speedups import checks as ours
from drf_speedups.apps import SpeedupsConfig
from drf_speedups.eligibility import driver
from drf_speedups.eligibility.reasons import PIECES, wanted
from drf_speedups.queries import QUERIES
from drf_speedups.representation import ROWS
from drf_speedups.urls import URLS
from lab import ROOT


@pytest.mark.parametrize(("settings", "found", "words"), [
    ({"SPEEDUPS": ["answers", "fields"]}, [], ""),
    ({"SPEEDUPS": None}, [], ""),
    ({"SPEEDUPS": []}, [], ""),
    ({"SPEEDUPS": "answers"}, ["E001"], "SPEEDUPS is 'answers'"),
    ({"SPEEDUPS": True}, ["E001"], "SPEEDUPS is True"),
    ({"SPEEDUPS": {"express": False}}, ["E001"], "SPEEDUPS is {'express': False}"),
    ({"SPEEDUPS": map(str.strip, ["fields "])}, ["E001"], "SPEEDUPS is <map"),
    ({"SPEEDUPS": ["answer", "fields", "x"]}, ["E001", "E001"], "'answer'"),
    ({"OVERLAP_LINKS": "4"}, ["E002"], "OVERLAP_LINKS is '4'"),
    ({"OVERLAP_LINKS": -1}, ["E002"], "OVERLAP_LINKS is -1"),
    ({"PREPARED_STATEMENTS": "0"}, ["E003"], "PREPARED_STATEMENTS is '0'"),
    ({"SPEEDUPS_VIEW_SETS": ["crud.views.ItemViewSet"]}, [], ""),
    ({"SPEEDUPS_VIEW_SETS": [".views.Books"]}, ["E004"], "'.views.Books'"),
    ({"SPEEDUPS_VIEW_SETS": ["..views"]}, ["E004"], "'..views'"),
    ({"SPEEDUPS_VIEW_SETS": 7}, ["E004"], "SPEEDUPS_VIEW_SETS is 7"),
    ({"SPEEDUPS_VIEW_SETS": [7]}, ["E004"], "is 7"),
    ({"SPEEDUPS_VIEW_SETS": ["crud.models.Item"]}, ["E004"], "'crud.models.Item'"),
    ({"SPEEDUPS_VIEW_SETS": "crud.views.ItemViewSet"}, ["E004"], "is 'crud.views.ItemViewSet'"),
])  # fmt: skip
def test_a_wrong_value_is_named(settings, found, words):
    with override_settings(**settings):
        said = ours.check_settings()
    assert [one.id for one in said] == [f"drf_speedups.{number}" for number in found]
    assert all(one.is_serious() and one.hint for one in said)
    assert words in " ".join(one.msg for one in said)


@pytest.mark.parametrize(("age", "pieces", "found"), [
    (0, None, ["drf_speedups.W003"]), (None, None, []), (60, None, []), (0, ["answers"], []),
])  # fmt: skip
def test_links_over_connections_that_end_with_each_request_are_warned_of(
    monkeypatch, age, pieces, found
):
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", age)
    with override_settings(SPEEDUPS=pieces, OVERLAP_LINKS=4):
        assert [one.id for one in ours.check_settings()] == found


@pytest.mark.parametrize(("vendors", "missing", "found"), [
    (["postgresql"], "", []),
    (["sqlite", "postgresql"], "", []),
    (["postgresql"], "psycopg 3 is not installed", ["drf_speedups.W002"]),
    (["sqlite"], "", ["drf_speedups.W001"]),
])  # fmt: skip
def test_a_database_that_no_piece_can_speak_to_is_said(monkeypatch, vendors, missing, found):
    there = {str(number): SimpleNamespace(vendor=one) for number, one in enumerate(vendors)}
    monkeypatch.setattr(ours, "connections", there)
    monkeypatch.setattr(driver, "MISSING", missing)
    said = ours.check_database()
    assert [one.id for one in said] == found
    assert not any(one.is_serious() for one in said)  # everything works, only not faster


def test_a_database_whose_driver_is_not_installed_is_no_trouble(monkeypatch):
    monkeypatch.setattr(ours, "connections", Missing())
    assert [one.id for one in ours.check_database()] == ["drf_speedups.W001"]


class Missing(list[str]):
    """Connections of a project on a machine where not all of them can be made."""

    def __iter__(self) -> Iterator[str]:
        return iter(["elsewhere"])

    def __getitem__(self, _alias: Any) -> Any:
        raise ImproperlyConfigured("Did you install mysqlclient?")


def test_they_are_among_the_checks_of_a_project():
    registered = checks.registry.registry.registered_checks
    assert {ours.check_settings, ours.check_database} <= registered


def test_the_library_s_pages_name_every_check_and_every_piece():
    code = Path(ours.__file__).read_text()
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "library").glob("*.md"))
    numbers = set(re.findall(r"\b[EW]00\d\b", code))
    assert {f"drf_speedups.{number}" for number in numbers} == set(
        re.findall(r"drf_speedups\.[EW]00\d", pages)
    )
    assert all(f"`{piece}`" in pages for piece in PIECES)


@pytest.mark.parametrize("said", [7, True, "representation", {"fields": True}])
def test_of_a_setting_that_lists_no_pieces_none_is_on(settings, said):
    settings.SPEEDUPS = said
    assert not any(map(wanted, PIECES))


@pytest.mark.parametrize(("settings", "installed"), [
    ({"SPEEDUPS": "representation"}, False),
    ({"SPEEDUPS": ["representation"], "OVERLAP_LINKS": -1}, True),
])  # fmt: skip
def test_only_a_wrong_list_of_pieces_keeps_rows_with_the_framework(settings, installed):
    app = SpeedupsConfig("drf_speedups", drf_speedups)
    try:
        with override_settings(**settings):
            app.ready()
            assert ROWS.is_installed() is installed
    finally:
        ROWS.uninstall()
    assert ROWS.stepped_aside == ""  # the check of SPEEDUPS says so, and no other


@pytest.mark.parametrize(("piece", "number", "what"), [
    (ROWS, "W004", "Django REST framework serializes all rows"),
    (QUERIES, "W005", "Django compiles all queries"),
    (URLS, "W006", "Django tries all patterns of URLs"),
])  # fmt: skip
def test_a_method_that_somebody_has_changed_is_named_where_a_piece_steps_aside_for_it(
    monkeypatch, settings, piece, number, what
):
    settings.SPEEDUPS = [piece.piece]
    (kind, name, _), *_ = piece._find()
    monkeypatch.setattr(kind, name, lambda *_args, **_kwargs: None)
    monkeypatch.setattr(piece, "stepped_aside", "")
    piece.install()
    assert not piece.is_installed()
    (said,) = ours.check_database()
    assert said.id == f"drf_speedups.{number}"
    assert said.msg == f"{what}: {kind.__name__}.{name} was changed by somebody."
