import re
from dataclasses import replace

import numpy as np
import pytest

from lab.analysis.answers import Kind
from lab.analysis.growth import Course, growth, growth_of, windows
from lab.analysis.models.jump import clearest_jump
from lab.analysis.one_implementation import growing
from lab.analysis.settings import by_setting
from lab.analysis.verdicts import drift_in_words
from tests.lab.examples import second, trial
from tests.lab.queues import FULL, GROWN, GROWS, KNEE, LIGHT, courses, share, wandering
from tests.lab.simulated import Service, simulated


def seconds(throughput, latency_ms, noise=0.05, length=60):
    """Seconds whose throughput and latency go evenly from first to last value."""
    rng = np.random.default_rng(1)
    courses = (np.linspace(first, last, length) for first, last in (throughput, latency_ms))
    counts, means = (course * rng.normal(1, noise, length).clip(0) for course in courses)
    return windows(counts, counts * means)


def test_a_steady_latency_has_converged():
    assert growth(seconds((500, 500), (100, 100)), 0.0).course is Course.CONVERGED


def test_latency_that_rises_at_the_same_throughput_is_a_growing_queue():
    found = growth(seconds((500, 500), (100, 200)), 0.3)
    assert found.course is Course.QUEUE
    assert found.queue_share == pytest.approx(1, abs=0.15)
    assert found.latency.change.middle == pytest.approx(1, abs=0.2)


def test_a_queue_is_said_to_grow_only_where_there_is_one():
    rising = seconds((500, 500), (100, 200))  # users who pause leave room for longer work
    assert growth(rising, 0.0, queues=False).course is Course.SERVICE
    assert growth(rising, 0.0, queues=None).course is Course.INSIDE
    load = tuple(second(at, "GET /items", 600, 40 + 2 * at) for at in range(50))
    few = {"seconds_of_load": load, "inside": tuple(0.6 * (40 + 2 * at) / 12 for at in range(50))}
    assert growth_of(replace(trial(), **few)).course is Course.TABLE  # 8 slots, 8 inside at most
    many = few | {"inside": tuple(24 + at for at in range(50))}
    assert growth_of(replace(trial(), **many)).course is Course.QUEUE
    assert growth_of(replace(trial(target="http://x"), **many)).course is Course.INSIDE


def test_latency_that_rises_as_throughput_falls_is_the_table_when_that_grew():
    slower = seconds((500, 250), (100, 200))
    assert growth(slower, table_growth=0.3).course is Course.TABLE
    assert growth(slower, table_growth=0.001).course is Course.SERVICE
    assert growth(slower, 0.3).queue_share == pytest.approx(0, abs=0.15)


def test_answers_that_take_longer_than_the_warm_up_are_no_queue_that_grows():
    full = simulated(1, 300, service=Service(1, hold=0.05))  # 15 s, after a warm-up of 5 s
    assert growth_of(full).latency.change.middle > 0.2
    assert growth_of(full).course is Course.RISING
    assert growth_of(replace(full, inside=tuple(range(50)))).course is Course.QUEUE
    short = windows(np.full(40, 20.0), 20 * np.array([10, 11, 12, 13, 14, *[15] * 35]) * 1000.0)
    assert growth(short, None, queues=None, from_before=True).course is Course.RISING


def test_short_answers_that_take_longer_are_not_said_to_come_from_the_warm_up():
    for pair in range(1, 7):  # a tenth or two of growth is seen in latency, hardly in those inside
        grows = simulated(4, 60, pair, service=Service(4, growth=0.0025), think_time=1)
        assert growth_of(grows).course in (Course.LONGER, Course.CONVERGED)


def test_growth_that_levels_off_is_no_noise():
    parts = seconds((500, 500), (100, 100))
    levelling = 100 * (2 - np.exp(-np.linspace(0, 3, len(parts.latency_ms))))
    assert growth(replace(parts, latency_ms=levelling), 0.0).course is (Course.QUEUE)


@pytest.mark.parametrize("by", [1.0, -0.4])
def test_what_changed_at_first_and_then_stayed_is_not_still_changing(by):
    parts = seconds((500, 500), (100, 100), noise=0.005, length=50)
    levelled = 100 * (1 + by * (1 - np.exp(-np.linspace(0, 10, len(parts.latency_ms)))))
    settled = replace(parts, latency_ms=levelled * parts.latency_ms / 100)
    found = growth(settled, 0.0)
    assert found.course is Course.SETTLED
    if by > 0:  # what waits there yet is not answered yet
        assert growth(settled, 0.0, still_fills=True).course is Course.QUEUE
    assert drift_in_words(found).endswith("converged after it changed at first, as after too "
                                          "short a warm-up")  # fmt: skip


def test_a_warm_up_that_was_too_short_is_said():
    assert growth(seconds((250, 500), (200, 100)), 0.0).course is Course.FALLING


def jumps(values):
    found = clearest_jump(values)
    return found is not None and found.is_clear


@pytest.mark.parametrize("times", [2.0, 0.5])
def test_a_jump_is_neither_growth_nor_noise(times):
    parts = seconds((500, 500), (100, 100))
    latency = parts.latency_ms * np.where(np.arange(len(parts.latency_ms)) < 20, 1, times)
    found = growth(replace(parts, latency_ms=latency), 0.3)
    assert found.course is Course.JUMPED
    assert found.jump is not None
    assert found.jump.by == pytest.approx(np.log(times), abs=0.05)
    assert re.fullmatch(
        r"latency changed by -?\d+ % after 67 % of the window: it jumped at once",
        drift_in_words(found),
    )


def test_neither_a_slope_nor_a_random_walk_is_taken_for_a_jump():
    rng = np.random.default_rng(1)
    assert sum(jumps(np.cumsum(rng.normal(size=25))) for _ in range(300)) <= 3
    assert not any(jumps(np.linspace(0, 1, 50) + rng.normal(0, 0.02, 50)) for _ in range(100))
    assert not jumps(np.concatenate((np.linspace(0, 1, 10), np.ones(40))))
    assert clearest_jump(np.zeros(15)) is None


def test_growth_that_begins_within_the_window_is_no_jump():
    rng = np.random.default_rng(1)
    late = np.log(1 + np.clip(np.linspace(-7 / 3, 1, 25), 0, 1))
    assert not any(jumps(late + rng.normal(0, 0.01, 25)) for _ in range(100))


def test_few_or_wild_seconds_say_nothing():
    assert growth(seconds((500, 500), (100, 100), length=5), 0.0).course is Course.UNKNOWN
    assert growth(seconds((500, 500), (100, 100), noise=1.5), 0.0).course is Course.UNKNOWN


def test_too_few_windows_make_no_number():
    said = drift_in_words(growth(seconds((500, 500), (100, 200), length=5), 0.0))
    assert said == (
        "by how much latency changed in the window is not known: the window is too short or too "
        "noisy"
    )


def test_a_change_nobody_would_notice_is_no_growth():
    found = growth(seconds((500, 500), (100, 105), noise=0.005), 0.0)
    assert found.latency.rise.excludes(0)
    assert found.course is Course.CONVERGED


def test_a_second_without_requests_is_no_latency_of_zero():
    parts = windows(*(np.array([value, 0.0] * 8) for value in (10, 500)))
    assert list(parts.latency_ms) == [50.0] * 8
    assert list(parts.at) == list(range(0, 16, 2))


def test_smooth_growth_is_seen_although_its_residuals_resemble_one_another():
    course = [149, 158, 159, *np.linspace(163, 242, 22) + 3 * np.sin(np.arange(22) / 3)]
    found = growth(windows(np.full(25, 500.0), 500 * np.array(course)), None)
    assert found.course is Course.QUEUE
    assert found.latency.change.middle == pytest.approx(0.62, abs=0.06)


@pytest.mark.parametrize("queue", [LIGHT, FULL])
def test_growth_of_a_fifth_is_seen_in_95_of_100_and_never_called_converged(queue):
    found = courses(replace(queue, growth=GROWN), series=100)
    assert share(found, *GROWS) >= 0.95
    assert share(found, Course.CONVERGED) == 0


@pytest.mark.parametrize("queue", [LIGHT, FULL])
def test_a_stationary_queue_has_converged_in_95_of_100_and_grows_in_one_at_most(queue):
    found = courses(queue, series=100)
    assert share(found, Course.CONVERGED) >= 0.95
    assert share(found, *GROWS) <= 0.01


def test_a_queue_that_wanders_near_its_knee_is_said_to_grow_in_one_of_100_at_most():
    assert share(courses(KNEE, series=100), *GROWS) <= 0.01
    assert share(wandering(0.8, series=300), *GROWS) <= 0.01


def test_what_cannot_be_known_says_how_long_it_would_take():
    rng = np.random.default_rng(1)
    (one,) = by_setting([trial()])
    noisy = [
        replace(second, mean_ms=(mean := 100 * rng.lognormal(0, 0.6)), max_ms=9 * mean)
        for second in one.trials[0].seconds_of_load
    ]
    answer = growing(by_setting([trial(seconds_of_load=tuple(noisy))]))
    assert answer.kind is Kind.UNKNOWN
    assert re.search(r"too noisy \(--seconds \d+0 would show a growth", answer.text)
    assert re.search(r"latency changed by -?\d+ % \(-\d+ % to \d+ %\)", answer.evidence[0])


def test_a_table_that_nobody_sees_is_neither_named_nor_cleared():
    rng = np.random.default_rng(1)
    slower = windows(1000 * np.linspace(1, 0.5, 50), 60_000 * rng.normal(1, 0.01, 50))
    assert growth(slower, None).course is Course.LONGER
    assert growth(slower, 0.01).course is Course.SERVICE
    assert growth(slower, 0.05).course is Course.TABLE
    assert "nobody looked" in Course.LONGER
