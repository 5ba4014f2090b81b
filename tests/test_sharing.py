"""Tests kept apart in time, or begun early, are there, and shares are what their names say."""

import pytest

from tests.sharing import LONG, MACHINE, rank, share
from tests.test_layout import ROOT


@pytest.mark.parametrize("part", [*MACHINE, *LONG])
def test_what_is_kept_apart_or_begins_early_is_there(part):
    path, _, name = part.partition("::")
    assert (ROOT / path).exists()
    assert not name or f"def {name}" in (ROOT / path).read_text()


@pytest.mark.parametrize(("test", "found"), [
    ("tests/load/test_runs.py::test_steps", "the machine"),
    ("tests/crud/test_api.py::test_it[tests/load/]", "tests/crud/test_api.py"),
    ("tests/contract/test_items.py::test_it[django-ninja-name]", "tests/contract/ django-ninja"),
    ("tests/contract/test_items.py::test_it[django-name]", "tests/contract/ django"),
    ("tests/contract/test_ours.py::test_it", "tests/contract/ django"),
])  # fmt: skip
def test_a_share_is_a_file_or_what_is_dear_to_start(test, found):
    assert share(test) == found


def test_long_shares_begin_first():
    tests = ["tests/crud/test_seed.py", LONG[0], "tests/contract/test_items.py", MACHINE[0]]
    assert [rank(test) for test in tests] == [3, 2, 1, 0]
