"""Whatever happens to the database: nothing acknowledged is lost, and service returns by itself."""

import pytest

from tests.faults.databases import (
    DATABASE,
    DISK,
    LINK,
    SLOWNESS,
    may_mount,
    stalled_for,
    stopped_for,
)
from tests.faults.stage import survive

# Much like another one that stays: they wait for `make torture`, or the suite would be too slow.
ALIKE = ("PostgreSQL crashed", "PostgreSQL stopped", "link stalled")


def _named(faults):
    later = pytest.mark.torture
    return [
        pytest.param(fault, id=fault.name, marks=[later] if fault.name.startswith(ALIKE) else [])
        for fault in faults
    ]


def assert_survived(fault, stage):
    outcome = survive(fault, stage)
    assert outcome.lost == []
    assert outcome.broken == []
    assert outcome.acknowledged > 20


@pytest.mark.parametrize("fault", _named([*DATABASE, *SLOWNESS, stopped_for(0.5)]))
def test_a_fault_of_the_database_loses_nothing(buffered, fault):
    assert_survived(fault, buffered)


@pytest.mark.parametrize("fault", _named(DATABASE[:1]))
def test_threads_lose_nothing_either(gthread, fault):
    assert_survived(fault, gthread)


@pytest.mark.parametrize("fault", _named([*LINK, stalled_for(0.7)]))
def test_a_fault_of_the_link_loses_nothing(linked, fault):
    assert_survived(fault, linked)


@pytest.mark.skipif(not may_mount(), reason="a small disk can be mounted by root only")
def test_a_full_disk_refuses_writes_and_loses_nothing(buffered):
    assert_survived(DISK, buffered)
