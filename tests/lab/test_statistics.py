import numpy as np
import pytest

from lab.statistics import at, paired_ratio, percentiles, repeat_difference


def test_percentiles_are_latencies_that_occurred():
    hundred = np.arange(100, 0, -1, dtype=float)
    assert percentiles(hundred) == (50, 95, 99)
    assert percentiles(np.array([7.0])) == (7, 7, 7)
    assert percentiles(np.array([1.0, 1000.0])) == (1, 1000, 1000)


def test_a_running_total_is_read_between_two_samples():
    times, totals = np.array([10.0, 11.0, 12.0]), np.array([0.0, 0.5, 1.5])
    assert at(times, totals, 11.5) == pytest.approx(1.0)
    assert at(times, totals, 99) == pytest.approx(1.5)


def test_a_ratio_is_the_geometric_mean_of_its_pairs():
    ratio = paired_ratio([2.0, 8.0], [1.0, 1.0])
    assert ratio.middle == pytest.approx(4)
    assert (ratio.low, ratio.high) == (pytest.approx(2), pytest.approx(8))
    assert ratio.excludes_one


def test_pairing_cancels_a_machine_that_slows_down():
    ours, theirs = [1000.0, 500.0, 250.0], [2000.0, 1000.0, 500.0]
    ratio = paired_ratio(ours, theirs)
    assert (ratio.low, ratio.middle, ratio.high) == (pytest.approx(0.5),) * 3


def test_the_inverse_comparison_gives_the_inverse_ratio():
    ours, theirs = [900.0, 1000.0, 1200.0], [1000.0, 1050.0, 1000.0]
    one, other = paired_ratio(ours, theirs), paired_ratio(theirs, ours)
    assert one.middle * other.middle == pytest.approx(1)
    assert not one.excludes_one
    assert not other.excludes_one


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says():
    rng = np.random.default_rng(42)
    covered = 0
    for _ in range(200):
        logs = rng.normal(np.log(0.5), 0.1, size=12)
        ratio = paired_ratio(list(np.exp(logs)), [1.0] * 12)
        covered += ratio.low <= 0.5 <= ratio.high
    assert covered >= 0.85 * 200


def test_repeats_tell_the_noise_of_the_machine():
    assert repeat_difference([[100.0, 110.0], [50.0, 51.0]]) == pytest.approx(0.1)
    assert repeat_difference([[100.0], [50.0]]) is None
