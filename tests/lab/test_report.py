from io import StringIO

import pytest
from rich.console import Console

from lab.blocks import show
from lab.bottleneck import bottleneck
from lab.errors import LabError
from lab.report import markdown, report, summary
from tests.lab.examples import SNAPSHOT, comparison, process, processes, trial


def test_the_report_is_what_it_was():
    # A wanted change: `python -m tests.lab.examples` writes the file anew; read it before adding.
    assert markdown(report(comparison())) == SNAPSHOT.read_text(encoding="utf-8")


def test_the_terminal_shows_the_same_figures():
    screen = StringIO()
    show(summary(comparison()), Console(file=screen, width=160))
    text = screen.getvalue()
    assert "django serves 0.50 times (0.48 to 0.51) the requests of fastapi" in text
    assert "0.50 (0.48 to 0.51)" in text


def pairs(*requests):
    """Two of the same implementation, measured in turns."""
    return [
        trial(2 * pair - 1 + index, label, pair, count)
        for pair, both in enumerate(requests, start=1)
        for index, (label, count) in enumerate(zip(("django", "django #2"), both, strict=True))
    ]


def test_equal_implementations_have_no_winner():
    trials = pairs((30_000, 31_000), (31_000, 30_000), (30_000, 30_400))
    assert "not distinguishable" in markdown(summary(trials))


def test_a_difference_within_the_noise_of_repeats_has_no_winner():
    trials = pairs((30_000, 31_000), (36_000, 37_000), (33_000, 34_100))
    assert "not distinguishable" in markdown(summary(trials))


def test_two_pairs_name_no_winner_and_say_what_would_tell():
    trials = pairs((30_000, 60_000), (30_000, 60_000))
    said = markdown(summary(trials))
    assert "cannot be told from 2 trials of each: 0.50 times" in said
    assert "--repeats 3" in said


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
    unseen = (process("server", 11, 48.0), *processes()[1:])
    assert "not measured" in markdown(summary([trial(processes=unseen)]))


def test_a_saturated_server_is_named():
    assert "limited by its own CPU: 96%" in bottleneck("django", [trial()])


def test_a_saturated_generator_is_named():
    saturated = trial(processes=processes(server=20.0, generator=48.0))
    assert "limited by the load generator" in bottleneck("django", [saturated])


def test_a_database_that_fills_the_other_core_is_named():
    crowded = trial(processes=processes(server=20.0, database=29.0))
    assert "limited by database and load generator" in bottleneck("django", [crowded])


def test_idle_cpus_mean_waiting():
    said = bottleneck("django", [trial(processes=processes(server=6.0))])
    assert "not limited by any CPU: the server used 12%" in said
    assert "8 threads or connections" in said
