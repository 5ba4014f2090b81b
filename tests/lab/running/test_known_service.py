"""Real processes under a real load: each defect is refused, and a known service is found out."""

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from lab.analysis.analyse import analyse
from lab.analysis.answers import Kind, Question
from lab.analysis.growth import Course, growth_of
from lab.analysis.rules.doubts import doubts
from lab.analysis.verdicts import Level, verdict
from lab.experiments.plan import Plan, Step
from lab.records.conditions import Conditions
from lab.running.machine import facts
from lab.running.trial import Bench, run_trial

ROOT = Path(__file__).parents[3]
LIGHT = Conditions(
    workers=4, threads=1, users=8, think_time=0.02, warm_up=1, seconds=3, rows=200
)  # about 190 requests/s


@contextlib.contextmanager
def known_service(slots, hold, defects=""):
    """Yield the process and the address of a service of which all is known."""
    words = [sys.executable, "-m", "tests.lab.known_service", str(slots), str(hold), defects]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def measured(folder, conditions, *, hold=0.02, defects="", load=(), number=1, pair=1):
    """Measure a service with a slot per worker for real; the lab knows it by its address only."""
    with known_service(conditions.workers, hold, defects) as (process, url):
        step = Step("sweep", url, "known", conditions, number=number, place=number, pair=pair)
        place = folder / f"trial-{number}"
        place.mkdir()
        plan = Plan("sweep", "", (step,), url_load=("--preset", "django", *load),
                    url_pid=process.pid)  # fmt: skip
        bench = Bench(plan, None, (), facts(), place, place)
        return run_trial(bench, step, lambda tail: None)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A few seconds of a sound service, and of one of which all is wrong; both are light."""
    run = partial(measured, tmp_path_factory.mktemp("known"), LIGHT)
    with ThreadPoolExecutor() as pool:
        sound = pool.submit(run, number=1)
        wrong = pool.submit(run, number=2, defects="errors impostor", load=("--mix", "40/15/40/5"))
        return {"sound": sound.result(), "wrong": wrong.result()}


def rules(trial):
    return {reason.rule: reason for reason in verdict(trial).reasons}


def test_a_sound_service_is_accused_of_none_of_it(short):
    accused = rules(short["sound"]).keys() & {"failures", "wrong_server", "mix"}
    assert not accused, rules(short["sound"])


def test_five_per_cent_of_errors_are_invalid(short):
    reason = rules(short["wrong"])["failures"]
    assert reason.level is Level.INVALID
    share = short["wrong"].total.failures / short["wrong"].total.requests
    assert share == pytest.approx(0.05, abs=0.02)


def test_answers_of_another_implementation_are_invalid(short):
    reason = rules(short["wrong"])["wrong_server"]
    assert reason.level is Level.INVALID
    assert "answers came from other" in reason.text or "from known" in reason.text


def test_a_mix_that_drifts_is_suspect(short):
    reason = rules(short["wrong"])["mix"]
    assert reason.level is Level.SUSPECT
    assert reason.text.endswith("were create, not 20.0 %")


@pytest.mark.torture
def test_a_latency_that_grows_is_suspect(tmp_path):
    longer = replace(LIGHT, seconds=12)
    growing = measured(tmp_path, longer, defects="grows")
    assert growth_of(growing).course in (Course.SERVICE, Course.INSIDE)
    assert rules(growing)["drift"].level is Level.SUSPECT


@pytest.mark.torture
@pytest.mark.parametrize(("defects", "courses"), [
    ("creeps", {Course.SERVICE, Course.INSIDE}), ("", {Course.CONVERGED}),
])  # fmt: skip
def test_a_hold_that_creeps_by_a_fifth_grows_and_a_steady_one_has_converged(
    tmp_path, defects, courses
):
    slow = replace(LIGHT, workers=40, users=60, think_time=0.3, warm_up=3, seconds=25)
    assert growth_of(measured(tmp_path, slow, hold=0.3, defects=defects)).course in courses


@pytest.mark.torture
def test_a_stall_that_the_closed_load_hides_is_shown_by_the_open_one(tmp_path):
    closed = replace(LIGHT, users=4, think_time=0.0, seconds=10)
    opened = replace(closed, arrival_rate=100.0, users=150)
    trials = [
        measured(tmp_path, load, defects="stalls", number=number)
        for number, load in enumerate((closed, opened), start=1)
    ]
    assert trials[0].total.p99_ms < 200 < 500 < trials[1].total.p99_ms
    said = [replace(one, label="known", target="known") for one in trials]
    assert any("coordinated omission" in doubt for doubt in doubts(said))


@pytest.mark.torture
def test_a_saturated_generator_is_refused(tmp_path):
    flood = Conditions(workers=200, threads=1, users=200, warm_up=1, seconds=4, rows=200)
    trial = measured(tmp_path, flood, hold=0)
    # Where others take its core away, it shows by users that wait inside it.
    assert {"generator", "generator_warning", "little"} & rules(trial).keys()
    assert verdict(trial).level is not Level.VALID


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Services of 4, 8 and 12 slots of 20 ms under 48 users: a repeat may be refused."""
    folder = tmp_path_factory.mktemp("sweep")
    steps = [(pair, workers) for pair in (1, 2, 3, 4) for workers in (4, 8, 12)]
    return [
        measured(
            folder,
            Conditions(workers, 1, users=48, warm_up=1, seconds=6, rows=200),
            number=number,
            pair=pair,
        )
        for number, (pair, workers) in enumerate(steps, start=1)
    ]


def of_one_address(trials):
    """Every trial had an address of its own; they are one implementation all the same."""
    return [replace(one, target="http://known") for one in trials]


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_a_known_service_is_found_out(sweep):
    found = analyse(of_one_address(sweep))
    (answer,) = found.answer(Question.WORKERS)
    assert answer.kind is Kind.ANSWER, [verdict(trial).reasons for trial in sweep]
    assert answer.numbers["workers"] == 12
    assert answer.numbers["throughput_per_s"] == pytest.approx(12 / 0.02, rel=0.2)
    (demand,) = found.demands
    assert demand.held == pytest.approx(0.02, rel=0.15)
    (limit,) = found.answer(Question.LIMIT)
    assert "too few workers" in limit.text
    assert [one for one in found.predictions if one.is_flagged] == []
