import numpy as np
import pytest

from lab.analysis.models.scaling import usl
from lab.errors import CannotTellError

WORKERS = [1, 2, 4, 8] * 3


def throughput(workers, one=1000.0, contention=0.05, coherency=0.004):
    workers = np.asarray(workers, float)
    return one * workers / (1 + contention * (workers - 1) + coherency * workers * (workers - 1))


def test_generated_data_give_back_their_coefficients():
    law = usl(WORKERS, list(throughput(WORKERS)))
    assert law.one_worker.middle == pytest.approx(1000)
    assert law.contention.middle == pytest.approx(0.05)
    assert law.coherency.middle == pytest.approx(0.004)
    assert law.worst_miss == pytest.approx(0, abs=1e-9)


def test_the_intervals_cover_the_true_coefficients_of_noisy_data():
    rng = np.random.default_rng(11)
    covered = np.zeros(3)
    for _ in range(40):
        law = usl(WORKERS, list(throughput(WORKERS) * rng.normal(1, 0.03, len(WORKERS))))
        parts = (law.one_worker, law.contention, law.coherency)
        covered += [not p.excludes(v) for p, v in zip(parts, (1000, 0.05, 0.004), strict=True)]
    assert (covered >= 0.85 * 40).all()


def test_a_throughput_that_falls_again_has_a_peak():
    counts = [1, 2, 4, 8, 16]
    law = usl(counts, list(throughput(counts, coherency=0.02)))
    assert law.peak == pytest.approx(np.sqrt(0.95 / 0.02))
    assert law.throughput(6.9) > max(law.throughput(4), law.throughput(12))


def test_a_peak_beyond_what_was_measured_is_not_claimed():
    assert usl(WORKERS, list(throughput(WORKERS))).peak is None
    assert usl(WORKERS, [100.0 * n for n in WORKERS]).peak is None


def test_the_curve_is_not_extrapolated():
    law = usl(WORKERS, list(throughput(WORKERS)))
    assert law.throughput(6) == pytest.approx(throughput(6))
    with pytest.raises(ValueError, match="do not extrapolate beyond 8 workers"):
        law.throughput(9)


def test_three_worker_counts_are_too_few_for_three_parameters():
    with pytest.raises(CannotTellError, match="3 worker counts fit any curve"):
        usl([1, 2, 4] * 5, [100.0, 180.0, 300.0] * 5)


def test_faster_than_linear_is_no_negative_contention():
    law = usl(WORKERS, [100.0 * n**1.1 for n in WORKERS])
    assert law.contention.middle == 0
    assert law.worst_miss > 0.05
