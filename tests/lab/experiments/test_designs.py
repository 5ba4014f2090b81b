from itertools import pairwise

import pytest

from lab.errors import LabError
from lab.experiments import designs
from lab.experiments.plan import shuffled
from lab.experiments.targets import is_url, named
from lab.records.conditions import Conditions
from tests.lab.examples import trial


def test_a_target_against_itself_keeps_two_labels():
    settings = designs.compared("compare", ["django", "django", "drf-stock"], Conditions())
    assert [setting.label for setting in settings] == ["django", "django #2", "drf-stock"]


def test_a_variant_is_its_target_with_something_switched_on():
    off, on = designs.compared("compare", ["django", "django-metrics"], Conditions())
    assert (off.target, off.label, dict(off.env)) == ("django", "django", {})
    assert (on.target, on.label) == ("django", "django-metrics")
    assert on.env["METRICS_PORT"] == "0"


def test_one_request_at_a_time_has_neither_links_nor_a_second_connection():
    (alone,) = designs.compared("compare", ["django-one-at-a-time"], Conditions())
    target = named(alone.target)
    assert (target.at_once(4, alone.env), target.connections(4, alone.env)) == (1, 1)
    assert target.per_worker(alone.env) == ""


def test_an_unknown_target_is_refused_with_the_known():
    with pytest.raises(LabError, match="no target 'rails'; known are django"):
        designs.compared("run", ["rails"], Conditions())


def test_what_runs_already_is_a_target_by_its_address():
    (setting,) = designs.compared("run", ["http://127.0.0.1:8001/"], Conditions())
    assert is_url(setting.target)
    assert named(setting.target, ("--preset", "fastapi")).load == ("--preset", "fastapi")


def test_a_sweep_has_every_point_of_its_grid():
    axes = {"workers": (1, 2), "threads": (4,), "users": (50, 500)}
    settings = designs.swept(["django", "fastapi-asyncpg"], Conditions(rows=5), axes)
    points = {(c.label, c.conditions.workers, c.conditions.users) for c in settings}
    assert len(settings) == len(points) == 8
    assert {(c.conditions.threads, c.conditions.rows) for c in settings} == {(4, 5)}


def test_the_article_has_four_figures_and_two_boxes():
    figures = designs.article(["django"], Conditions(seconds=600))
    assert [(c.conditions.workers, c.conditions.users) for c in figures] == [
        (1, 100), (1, 500), (16, 500), (4, 100),
    ]  # fmt: skip
    assert [c.conditions.cpus for c in figures] == [1, None, None, 1]
    assert [c.conditions.seconds for c in figures] == [600] * 4
    assert figures[3].title == "figure 4: 4 workers on 1 CPU and 512 MB, 100 users"


def test_the_ladder_begins_with_the_stock_framework_and_adds_one_piece_at_each_rung():
    stock, *rungs = designs.ladder(Conditions())
    assert (stock.target, stock.label) == ("drf-stock", "stock DRF")
    assert {setting.target for setting in rungs} == {"django"}
    classes = [setting.env.get("GUNICORN_WORKER_CLASS") for setting in rungs]
    assert classes == ["gthread", *[None] * 8]
    pieces = [set(setting.env["SPEEDUPS"].split(",")) - {"none"} for setting in rungs[1:]]
    assert [len(after - before) for before, after in pairwise(pieces)] == [1] * 7
    assert all(before < after for before, after in pairwise(pieces))
    assert len({setting.label for setting in rungs}) == len(rungs)


def test_open_loads_go_to_shares_of_the_best_mean_throughput():
    slow, fast = Conditions(workers=1, users=10), Conditions(workers=4, users=10)
    axes = [designs.compared("sweep", ["django"], one)[0] for one in (slow, fast)]
    steps = shuffled(axes, 2, seed=1)
    trials = [
        trial(step.number, pair=step.pair, conditions=step.conditions, requests=requests)
        for step in steps
        for requests in [10_000 if step.conditions == slow else 30_000 + 4_000 * step.pair]
    ]
    half, most = designs.open_pass(steps, trials, (0.5, 0.9))
    assert (half.kind, half.label, half.conditions.workers) == ("open", "django", 4)
    assert half.conditions.arrival_rate == pytest.approx(0.5 * 36_000 / 50)
    assert most.conditions.arrival_rate == pytest.approx(0.9 * 36_000 / 50)
    assert most.conditions.users == 648


def test_an_open_load_needs_a_capacity():
    with pytest.raises(LabError, match="needs the capacity"):
        designs.open_pass((), (), (0.5,))


def test_two_services_of_one_name_are_not_taken_for_repeats_of_one(tmp_path):
    for folder, name in (("old", ""), ("new", ""), ("named", "name = 'newer'\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shop.toml").write_text(f"{name}command = 'serve {{port}}'")
    old, new, renamed = (str(tmp_path / one / "shop.toml") for one in ("old", "new", "named"))
    with pytest.raises(LabError, match="two files describe a service called shop"):
        designs.compared("compare", [old, new], Conditions())
    labels = [one.label for one in designs.compared("compare", [old, renamed, old], Conditions())]
    assert labels == ["shop", "newer", "shop #2"]


def test_an_open_load_follows_the_requests_that_were_answered_rightly():
    sheds = trial(1, requests=24_000, failures=4_800)
    serves = trial(2, requests=20_000, conditions=Conditions(users=50), place=2)
    steps = shuffled(designs.swept(["django"], Conditions(), {"users": (60, 50)}), 1, seed=1)
    (rate,) = {one.conditions.arrival_rate
               for one in designs.open_pass(steps, [sheds, serves], [0.5])}  # fmt: skip
    assert rate == 200.0
