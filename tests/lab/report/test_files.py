import json
import tracemalloc

import pytest

from lab.analysis.analyse import analyse
from lab.analysis.answers import Question
from lab.errors import LabError
from lab.records import jsonlines
from lab.report import files
from lab.report.headlines import headlines
from tests.lab.examples import comparison, load, trial
from tests.lab.synthetic import article, ladder, sweep


def folder_of(tmp_path, trials):
    (tmp_path / jsonlines.FILE).write_text("".join(map(jsonlines.to_line, trials)))
    return tmp_path


def summary(folder):
    files.redraw(folder)
    return json.loads((folder / files.SUMMARY).read_text())


def test_all_is_drawn_from_the_records_alone_and_twice_the_same(tmp_path):
    folder = folder_of(tmp_path, [trial()])
    files.redraw(folder)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {jsonlines.FILE, files.PAGE, files.TEXT, files.SUMMARY}
    files.redraw(folder)
    assert first == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("_without_charts")
def test_a_page_that_cannot_be_written_leaves_the_old_one_whole(tmp_path, monkeypatch):
    folder = folder_of(tmp_path, [trial()])
    files.redraw(folder)
    before = (folder / files.PAGE).read_text()
    (folder / f"{files.PAGE}.unfinished").mkdir()  # nothing can be written there
    with pytest.raises(OSError, match="directory"):
        files.redraw(folder)
    assert (folder / files.PAGE).read_text() == before


def test_no_trial_is_no_report(tmp_path):
    with pytest.raises(LabError, match="no completed trial"):
        files.redraw(folder_of(tmp_path, []))


@pytest.mark.usefixtures("_without_charts")
def test_the_summary_has_answers_figures_with_intervals_and_verdicts(tmp_path):
    found = summary(folder_of(tmp_path, comparison()))
    assert (found["version"], found["kind"]) == (1, "compare")
    answer = next(a for a in found["answers"] if a["question"] == "Which implementation is better?")
    assert (answer["kind"], answer["about"]) == ("answer", "django, fastapi")
    assert answer["numbers"]["throughput_ratio"] == pytest.approx(0.495, abs=0.01)
    django = found["settings"][0]
    assert django["throughput_per_s"]["low"] < 600 < django["throughput_per_s"]["high"]
    assert django["throughput_per_s"]["repeats"] == 3
    assert django["conditions"]["workers"] == 2
    assert {trial["verdict"] for trial in found["trials"]} == {"valid"}


@pytest.mark.usefixtures("_without_charts")
def test_the_summary_says_why_a_trial_is_refused(tmp_path):
    broken = trial(failures=1500, errors={"POST /items: status 500": 1500})
    found = summary(folder_of(tmp_path, [broken]))
    assert found["trials"][0]["verdict"] == "invalid"
    assert found["trials"][0]["reasons"][0]["rule"] == "failures"
    assert "throughput_per_s" not in found["settings"][0]


@pytest.mark.usefixtures("_without_charts")
def test_the_article_is_quoted_beside_what_was_measured(tmp_path):
    folder = folder_of(tmp_path, article())
    files.redraw(folder)
    text = (folder / files.TEXT).read_text()
    assert "# The article's four figures, measured here: django" in text
    assert "| 400 ms for one request; 2 s on average and growing | converged |" in text
    assert "Figure 1, django: 100 users at 2,000 ms are at most 50.0 requests/s" in text
    assert "CPU at 13 % while latency grows: too few workers" in text
    assert "- **figure 2: 1 worker, 500 users: 1,192 ms (suspect); django, mean response" in text
    assert "- **django, figure 1, figure 4**: converged in 2 of 2 trials." in text


def test_a_sweep_begins_with_the_workers_it_advises():
    found = analyse(list(sweep(labels=("django",), users=(50,))))
    (first,) = headlines(found)
    (answer,) = found.answer(Question.WORKERS)
    assert first.figure == f"{answer.numbers['workers']:g} workers"
    assert first.text.startswith("for 50 users: ")
    assert "3 of 3 trials valid" in first.text


@pytest.mark.usefixtures("_without_charts")
def test_a_ladder_says_what_each_rung_buys(tmp_path):
    folder = folder_of(tmp_path, ladder())
    files.redraw(folder)
    text = (folder / files.TEXT).read_text()
    assert "# What each improvement buys" in text
    assert "+ worker adds" in text


def test_an_objective_of_the_records_holds_for_a_report_drawn_later(tmp_path):
    folder = folder_of(tmp_path, [trial(objective_ms=1.0)])
    assert files.analysed(folder).trials[0].objective_ms == 1.0


def peak(folder):
    """Return the memory that reading and judging records take at most, in bytes."""
    tracemalloc.start()
    files.analysed(folder)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_twenty_times_the_requests_take_no_more_memory(tmp_path):
    sizes = []
    for requests in (200_000, 4_000_000):
        folder = tmp_path / str(requests)
        folder.mkdir()
        one = trial(requests=requests, seconds_of_load=load(requests, 100.0))
        sizes.append(peak(folder_of(folder, [one])))
    assert sizes[1] < 1.5 * sizes[0]
