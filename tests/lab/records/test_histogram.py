import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.records.histogram import BUCKETS, Histogram, percentiles_of

LATENCIES = st.lists(st.floats(0.01, 100_000), min_size=1, max_size=200)


@given(LATENCIES)
def test_a_percentile_is_within_one_per_cent_of_one_that_occurred(latencies):
    exact = np.percentile(latencies, (50, 95, 99), method="inverted_cdf")
    assert Histogram.of(np.array(latencies)).percentiles() == pytest.approx(exact, rel=0.0101)


@given(LATENCIES, LATENCIES)
def test_merging_is_counting_together(some, others):
    parts = [Histogram.of(np.array(latencies)) for latencies in (some, others)]
    assert Histogram.merged(parts) == Histogram.of(np.array(some + others))


@given(LATENCIES)
def test_what_is_written_is_read_back(latencies):
    histogram = Histogram.of(np.array(latencies))
    assert Histogram.from_json(histogram.to_json()) == histogram
    assert histogram.total == len(latencies)


def test_nothing_is_lost_below_the_smallest_and_above_the_largest_bucket():
    histogram = Histogram.of(np.array([0.0, 1e12]))
    assert list(histogram.buckets) == [0, BUCKETS - 1]


def test_many_resamples_have_their_percentiles_at_once():
    one, other = (Histogram.of(np.array([ms, ms, 9 * ms])).dense() for ms in (1.0, 10.0))
    found = percentiles_of(np.stack((one, other)), (50, 99))
    assert found == pytest.approx(np.array([[1, 9], [10, 90]]), rel=0.01)


def test_of_nothing_there_is_no_percentile():
    with pytest.raises(ValueError, match="no latency"):
        Histogram.merged(()).percentiles()


@pytest.mark.parametrize("broken", [[5, 1, 5, 1], [5, 0], [-1, 3], [BUCKETS, 1], [1, 2, 3]])
def test_what_cannot_have_been_written_is_refused(broken):
    with pytest.raises(ValueError):
        Histogram.from_json(broken)
