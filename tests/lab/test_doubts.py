"""Each rule is fed the defect it is there for."""

import pytest

from lab.doubts import doubts, little_residual
from lab.plan import Conditions
from lab.records import Cap
from tests.lab.examples import MACHINE, comparison, counters, lasting, processes, trial

MORE = {"counters": counters(busy=100.0)}


def test_a_sound_comparison_raises_no_doubt():
    assert doubts(comparison()) == []


def only(changed):
    """The doubts about a sound comparison whose first trial was replaced."""
    return doubts([changed, *comparison()[1:]])


def test_failed_requests_are_doubted_with_their_commonest_error():
    (doubt,) = only(trial(failures=1500, errors={"GET /items: status 500": 1500}))
    assert "1500 of 30000 requests failed (most often GET /items: status 500)" in doubt


def test_answers_of_another_implementation_are_doubted():
    strange = {"django/11": 15_000, "django/12": 14_000, "fastapi/7": 1000}
    (doubt,) = only(trial(served_by=strange))
    assert "1000 answers came from fastapi/7, not from django" in doubt


def test_answers_that_name_nobody_are_doubted():
    (doubt,) = only(trial(served_by={"": 30_000}))
    assert "nobody named" in doubt


def test_a_replaced_worker_is_doubted():
    shares = {"django/11": 15_000, "django/12": 10_000, "django/99": 5_000}
    (doubt,) = only(trial(served_by=shares))
    assert "3 workers answered instead of 2" in doubt


def test_an_uneven_spread_over_workers_is_doubted():
    (doubt,) = only(trial(served_by={"django/11": 20_000, "django/12": 10_000}))
    assert "2.0 times" in doubt


def test_a_saturated_generator_is_doubted():
    cores = {"server": (0,), "database": (2,), "generator": (1,)}
    (doubt,) = only(trial(processes=processes(generator=46.0), cores=cores, **MORE))
    assert "load generator used 92% of a core" in doubt


def test_what_the_generator_said_is_passed_on():
    (doubt,) = only(trial(warnings=("[…] CPU usage above 90%!",)))
    assert "CPU usage above 90%" in doubt


def test_a_crowded_core_beside_the_server_is_doubted():
    (doubt,) = only(trial(processes=processes(generator=30.0, database=18.0), **MORE))
    assert "together used 0.96 of the 1 core they share" in doubt


def test_users_that_wait_inside_the_generator_are_doubted():
    slow_generator = trial(mean_ms=80.0)
    assert little_residual(slow_generator) == pytest.approx(0.2)
    (doubt,) = only(slow_generator)
    assert "Little's law misses 20% of the users" in doubt


def test_think_time_counts_for_littles_law():
    thinking = trial(conditions=Conditions(users=120, think_time=0.1))
    assert little_residual(thinking) == pytest.approx(0)


def test_other_programs_and_the_hypervisor_are_doubted():
    programs, hypervisor = only(trial(counters=counters(busy=73.0 + 20, steal=10.0)))
    assert "other programs used 0.40 cores" in programs
    assert "hypervisor took 0.20 cores" in hypervisor


def test_a_cap_that_does_not_hold_is_doubted():
    cap = Cap(False, None, None, ("cap of 1 CPU NOT enforced: Permission denied",))
    (doubt,) = only(trial(cap=cap))
    assert "NOT enforced" in doubt


def test_few_repeats_and_short_windows_are_doubted():
    (few,) = doubts([trial()])
    assert "only one trial of each" in few
    short = only(lasting(29.0, trial()))[-1]
    assert "windows of 29 s" in short


def test_repeats_that_disagree_are_doubted():
    (doubt,) = only(trial(requests=20_000))
    assert "differ by up to 53% in throughput" in doubt


def test_too_few_requests_are_doubted():
    said = only(trial(requests=900, served_by={"django/11": 450, "django/12": 450}))
    assert any("only 900 requests" in doubt for doubt in said)


def test_uncommitted_code_is_doubted():
    (doubt,) = only(trial(machine=MACHINE | {"changed_files": 3}))
    assert "3 files differed from the commit" in doubt
