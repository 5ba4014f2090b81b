from io import StringIO

import pytest
from rich.console import Console

from lab.blocks import show
from lab.bottleneck import bottleneck
from lab.errors import LabError
from lab.records import Usage
from lab.report import markdown, report, summary
from tests.lab.examples import SNAPSHOT, comparison, trial


def test_the_report_is_what_it_was():
    # A wanted change: `python -m tests.lab.examples` writes the file anew; read it before adding.
    assert markdown(report(comparison())) == SNAPSHOT.read_text(encoding="utf-8")


def test_the_terminal_shows_the_same_figures():
    screen = StringIO()
    show(summary(comparison()), Console(file=screen, width=160))
    text = screen.getvalue()
    assert "django serves 0.50 times (0.49 to 0.50) the requests of fastapi" in text
    assert "0.50 (0.49 to 0.50)" in text


def test_equal_implementations_have_no_winner():
    trials = [
        trial(1, "django", 1, 30_000), trial(2, "django #2", 1, 31_000),
        trial(3, "django", 2, 31_000), trial(4, "django #2", 2, 30_000),
    ]  # fmt: skip
    assert "not distinguishable" in markdown(summary(trials))


def test_a_difference_within_the_noise_of_repeats_has_no_winner():
    trials = [
        trial(1, "django", 1, 30_000), trial(2, "django #2", 1, 31_000),
        trial(3, "django", 2, 36_000), trial(4, "django #2", 2, 37_000),
    ]  # fmt: skip
    assert "not distinguishable" in markdown(summary(trials))


def test_an_interrupted_comparison_still_has_a_report():
    text = markdown(report(comparison()[:1]))
    assert "# django" in text
    assert "÷" not in text
    unpaired = [comparison()[0], comparison()[3]]
    assert "nothing can be compared" in markdown(report(unpaired))


def test_no_trial_is_no_report():
    with pytest.raises(LabError, match="no completed trial"):
        report([])


def test_memory_that_was_not_measured_is_said():
    usage = trial().usage | {"server": Usage(48.0, (0,), None)}
    assert "not measured" in markdown(summary([trial(usage=usage)]))


def test_a_saturated_server_is_named():
    assert "limited by its own CPU: 96%" in bottleneck("django", [trial()])


def test_a_saturated_generator_is_named():
    usage = trial().usage | {"server": Usage(20.0, (0,)), "generator": Usage(48.0, (1,))}
    assert "limited by the load generator" in bottleneck("django", [trial(usage=usage)])


def test_a_database_that_fills_the_other_core_is_named():
    usage = trial().usage | {"server": Usage(20.0, (0,)), "database": Usage(29.0, (1,))}
    assert "limited by database and load generator" in bottleneck("django", [trial(usage=usage)])


def test_idle_cpus_mean_waiting():
    usage = trial().usage | {"server": Usage(6.0, (0,))}
    said = bottleneck("django", [trial(usage=usage)])
    assert "not limited by any CPU: the server used 12%" in said
    assert "8 threads or connections" in said
