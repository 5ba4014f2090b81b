from io import StringIO

from rich.console import Console

from lab.analysis.analyse import analyse
from lab.report import contents
from lab.report.blocks import markdown, show
from tests.lab.examples import SNAPSHOT, comparison, load, process, processes, trial


def whole(trials):
    return markdown(contents.report(analyse(trials)))


def summary(trials):
    return markdown(contents.summary(analyse(trials)))


def test_the_report_is_what_it_was():
    # A wanted change: `python -m tests.lab.examples` writes the file anew; read it before adding.
    assert whole(comparison()) == SNAPSHOT.read_text(encoding="utf-8")


def test_the_terminal_shows_the_same_figures():
    screen = StringIO()
    show(contents.summary(analyse(comparison())), Console(file=screen, width=160))
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
    assert "the same thing twice: the noise floor is" in summary(trials)


def test_a_difference_within_the_noise_of_repeats_has_no_winner():
    trials = pairs((30_000, 31_000), (36_000, 37_000), (33_000, 34_100))
    text = summary(trials)
    assert "the same thing twice: the noise floor is 3.6 %" in text
    assert "serves" not in text.partition("## What would")[0]


def test_two_pairs_name_no_winner_and_say_what_would_tell():
    trials = [one for one in comparison() if one.pair < 3]
    said = summary(trials)
    assert "I cannot tell, because 2 pairs of trials name no winner" in said
    assert "--repeats 3" in said


def test_an_interrupted_comparison_still_has_a_report():
    text = whole(comparison()[:1])
    assert "# django" in text
    assert "÷" not in text
    unpaired = [comparison()[0], comparison()[3]]
    assert "no valid trials beside one another" in whole(unpaired)


def test_memory_that_was_not_measured_is_said():
    unseen = (process("server", 11, 48.0), *processes()[1:])
    assert "not measured" in summary([trial(processes=unseen)])


def test_a_trial_that_is_refused_twice_for_one_rule_is_named_once():
    mix = {"GET /items/[id]": 40, "GET /items": 15, "POST /items": 40, "DELETE /items/[id]": 5}
    off = trial(seconds_of_load=load(30_000, 100, mix=mix))
    (said,) = [line for line in whole([off]).splitlines() if line.startswith("- trial 1, ")
               and "of the requests were" in line]  # fmt: skip
    assert "likewise" not in said


def test_a_refused_trial_is_shown_with_its_reason_and_ranks_nowhere():
    broken = trial(failures=1500, errors={"POST /items: status 500": 1500})
    text = whole([broken, *comparison()[1:]])
    assert "| 1 django | invalid |" in text
    assert "trial 1, django, is invalid: 1,500 of 30,000 requests failed" in text
    assert "2 pairs of trials name no winner" in text


def test_failures_of_a_trial_that_is_refused_are_shown_beside_valid_ones():
    broken = trial(3, pair=2, failures=1500, errors={"POST /items: status 503": 1500})
    assert "| POST /items: status 503 | django | 1,500 |" in whole([trial(1), broken])


def test_a_sweep_of_what_has_no_known_workers_does_not_ask_for_them():
    url = {"target": "http://127.0.0.1:9", "label": "http://127.0.0.1:9", "kind": "sweep"}
    title, *_ = whole([trial(**url)]).splitlines()
    assert title == "# Under one load after the other: http://127.0.0.1:9"
    assert whole([trial(kind="sweep")]).startswith("# How many workers: django")
