"""The page that shows a run while it goes on."""

from lab.cli.live import Live, seconds_of
from lab.experiments.designs import compared
from lab.experiments.plan import Plan, shuffled
from lab.records import jsonlines
from lab.records.conditions import Conditions
from lab.running.load import Ended
from tests.lab.examples import trial

CONDITIONS = Conditions(warm_up=2, seconds=8)
STEPS = shuffled(compared("run", ["django"], CONDITIONS), 2, 1)
PLAN = Plan("run", "python -m lab run django", STEPS)


def answers(seconds, failed=False):
    """Ten requests a second, 50 ms each, from 1,000 s on."""
    return [Ended(1000.05 + at / 10, 50.0, failed) for at in range(10 * seconds)]


def shown(folder):
    return (folder / "report.html").read_text()


def test_a_run_is_drawn_while_it_goes_on_and_the_page_loads_itself_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("lab.cli.live.REFRESH", 0)
    with Live(PLAN, [], tmp_path) as live:
        live.begin(STEPS[0])
        assert "trial 1 of 2, django, 2 workers × 4 links, 100 users; " in shown(tmp_path)
        live.tick(answers(6, failed=True))
        assert 'http-equiv="refresh" content="10"' in shown(tmp_path)
        for chart in ("live", "live-rate", "live-failures"):
            assert f'id="chart-{chart}"' in shown(tmp_path)
        assert "requests/s. django: from 10.0 to 10.0." in shown(tmp_path)


def test_what_is_complete_stands_below_the_trial_under_way(tmp_path, monkeypatch):
    monkeypatch.setattr("lab.report.live.charts", lambda found: {})  # they have their own tests
    with Live(PLAN, [], tmp_path) as live:
        live.begin(STEPS[0])
        jsonlines.append(tmp_path / jsonlines.FILE, trial())
        live.end(trial())
        live.begin(STEPS[1])
        assert "trial 2 of 2" in shown(tmp_path)
        assert "600 requests/s" in shown(tmp_path)


def test_a_run_that_is_stopped_before_anything_is_complete_leaves_a_page_that_says_so(tmp_path):
    with Live(PLAN, [], tmp_path) as live:
        live.begin(STEPS[0])
    assert "no trial was complete" in shown(tmp_path)
    assert 'http-equiv="refresh"' not in shown(tmp_path)


def test_seconds_count_from_the_window():
    found = seconds_of(answers(3), begin=1002.0)
    assert [(one.at, one.requests) for one in found] == [(-2, 10), (-1, 10), (0, 10)]
