from dataclasses import replace

import numpy as np
import pytest

from lab.analysis.growth import Course, growth, trend, windows


def seconds(throughput, latency_ms, noise=0.05, length=60):
    """Seconds whose throughput and latency go evenly from first to last value."""
    rng = np.random.default_rng(1)
    courses = (np.linspace(first, last, length) for first, last in (throughput, latency_ms))
    counts, means = (course * rng.normal(1, noise, length).clip(0) for course in courses)
    return windows(counts, counts * means, counts * means / 1000)


def test_a_steady_latency_has_converged():
    assert growth(seconds((500, 500), (100, 100)), 0.0).course is Course.CONVERGED


def test_latency_that_rises_at_the_same_throughput_is_a_growing_queue():
    found = growth(seconds((500, 500), (100, 200)), 0.3)
    assert found.course is Course.QUEUE
    assert found.queue_share == pytest.approx(1, abs=0.15)
    assert found.latency.change.middle == pytest.approx(100 / 150, abs=0.1)


def test_latency_that_rises_as_throughput_falls_is_the_table_when_that_grew():
    slower = seconds((500, 250), (100, 200))
    assert growth(slower, table_growth=0.3).course is Course.TABLE
    assert growth(slower, table_growth=0.001).course is Course.SERVICE
    assert growth(slower, table_growth=None).course is Course.SERVICE
    assert growth(slower, 0.3).queue_share == pytest.approx(0, abs=0.15)


def test_growth_that_levels_off_is_no_noise():
    parts = seconds((500, 500), (100, 100))
    levelling = 100 * (2 - np.exp(-np.linspace(0, 3, len(parts.latency_ms))))
    assert growth(replace(parts, latency_ms=levelling, inside=levelling / 2), 0.0).course is (
        Course.QUEUE
    )


def test_a_warm_up_that_was_too_short_is_said():
    assert growth(seconds((250, 500), (200, 100)), 0.0).course is Course.FALLING


def test_few_or_wild_seconds_say_nothing():
    assert growth(seconds((500, 500), (100, 100), length=5), 0.0).course is Course.UNKNOWN
    assert growth(seconds((500, 500), (100, 100), noise=1.5), 0.0).course is Course.UNKNOWN


def test_a_change_nobody_would_notice_is_no_growth():
    found = growth(seconds((500, 500), (100, 105), noise=0.005), 0.0)
    assert found.latency.change.excludes(0)
    assert found.course is Course.CONVERGED


def test_a_second_without_requests_is_no_latency_of_zero():
    parts = windows(*(np.array([value, 0.0] * 8) for value in (10, 500, 1)))
    assert list(parts.latency_ms) == [50.0] * 8


def test_the_slope_s_interval_holds_for_windows_that_resemble_their_neighbours():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        noise = np.zeros(24)
        for index in range(1, 24):
            noise[index] = 0.5 * noise[index - 1] + rng.normal(0, 5)
        covered += not trend(100 + noise).change.excludes(0)
    assert covered >= 0.85 * 300
