import numpy as np
import pytest

from lab.analysis.statistics import (
    Estimate,
    Interval,
    distinguishable,
    mean_estimate,
    noise_floor,
    paired_ratio,
    percentile_estimate,
    percentiles,
    repeat_difference,
)
from lab.records.usage import at

BINS = np.geomspace(1, 10_000, 800)


def ends(estimate):
    assert estimate.interval is not None
    return estimate.interval.low, estimate.interval.high


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
    ratio = paired_ratio([2.0, 8.0, 4.0], [1.0, 1.0, 1.0])
    assert ratio.middle == pytest.approx(4)
    low, high = ends(ratio)
    assert low < 2
    assert high > 8
    assert not ratio.excludes(1)


def test_two_pairs_claim_no_interval():
    ratio = paired_ratio([2.0, 2.1], [1.0, 1.0])
    assert ratio.interval is None
    assert not ratio.excludes(1)
    assert not distinguishable(ratio, floor=0.0)


def test_pairing_cancels_a_machine_that_slows_down():
    ours, theirs = [1000.0, 500.0, 250.0], [2000.0, 1000.0, 500.0]
    ratio = paired_ratio(ours, theirs)
    assert ratio.middle == pytest.approx(0.5)
    assert ends(ratio) == (pytest.approx(0.5),) * 2


def test_the_inverse_comparison_gives_the_inverse_ratio():
    ours, theirs = [900.0, 1000.0, 1200.0], [1000.0, 1050.0, 1000.0]
    one, other = paired_ratio(ours, theirs), paired_ratio(theirs, ours)
    assert one.middle * other.middle == pytest.approx(1)
    assert not one.excludes(1)
    assert not other.excludes(1)


@pytest.mark.parametrize("pairs", [3, 5, 12])
def test_the_interval_covers_the_true_ratio_as_often_as_it_says_also_for_few_pairs(pairs):
    rng = np.random.default_rng(42)
    covered = 0
    for _ in range(200):
        ours = np.exp(rng.normal(np.log(0.5), 0.1, size=pairs))
        covered += not paired_ratio(list(ours), [1.0] * pairs).excludes(0.5)
    assert covered >= 0.9 * 200


def test_an_effect_within_the_noise_of_the_same_thing_twice_is_none():
    floor = noise_floor([Estimate(1.0, Interval(0.95, 1.02), 5)])
    assert floor == pytest.approx(1 / 0.95 - 1)
    assert not distinguishable(Estimate(1.03, Interval(1.01, 1.05), 5), floor)
    assert distinguishable(Estimate(1.03, Interval(1.01, 1.05), 5), None)
    assert distinguishable(Estimate(1.2, Interval(1.15, 1.25), 5), floor)
    assert noise_floor([]) is None
    assert noise_floor([Estimate(1.0, None, 2)]) is None


def test_wild_repeats_give_a_wide_interval_and_no_overflow():
    ratio = paired_ratio([1e-9, 1e9, 1.0], [1.0, 1.0, 1.0])
    assert not ratio.excludes(1)


def repeats_of(rng, repeats, windows=10, between=0.05):
    """Windows x bins of log-normal latencies whose median is 20 ms, for each repeat."""
    found = []
    for _ in range(repeats):
        latencies = rng.lognormal(np.log(20), 0.5, (windows, 400)) * np.exp(rng.normal(0, between))
        places = np.searchsorted(BINS, latencies)
        found.append(np.stack([np.bincount(row, minlength=len(BINS)) for row in places]) * 1.0)
    return found


def test_a_percentile_s_interval_covers_windows_and_repeats():
    rng, true = np.random.default_rng(3), 20 * np.exp(0.5 * 1.645)
    covered = 0
    for _ in range(30):
        found = percentile_estimate(repeats_of(rng, 3), BINS, 95)
        covered += not found.excludes(true)
    assert covered >= 0.85 * 30


def test_the_interval_of_one_run_is_of_its_windows_and_narrower():
    repeats = repeats_of(np.random.default_rng(3), 4)
    (low, high), (lower, higher) = (
        ends(percentile_estimate(part, BINS, 95)) for part in (repeats[:1], repeats)
    )
    assert high - low < higher - lower


def test_a_single_window_claims_no_interval():
    (repeat,) = repeats_of(np.random.default_rng(3), 1, windows=1)
    assert percentile_estimate([repeat], BINS, 95).interval is None


def test_the_merged_percentile_is_that_of_all_requests():
    slow, fast = np.zeros((1, len(BINS))), np.zeros((1, len(BINS)))
    fast[0, 10], slow[0, 500] = 95, 5
    assert percentile_estimate([fast, slow], BINS, 95).middle == BINS[10]
    assert percentile_estimate([fast, slow], BINS, 95.1).middle == BINS[500]


def test_equal_repeats_leave_nothing_open():
    assert ends(mean_estimate([7.0] * 3)) == (7, 7)


def test_repeats_tell_the_noise_of_the_machine():
    assert repeat_difference([[100.0, 110.0], [50.0, 51.0]]) == pytest.approx(0.1)
    assert repeat_difference([[100.0], [50.0]]) is None
