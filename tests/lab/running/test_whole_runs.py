"""Whole runs of the lab against a stub: interrupted, resumed, and ended by what they stand on."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from lab.cli.main import main
from lab.experiments import targets
from lab.records import jsonlines, trial
from tests.faults.cluster import Cluster
from tests.lab.stub_lab import STUB
from tests.load.stub import Stub
from tests.speedups.worker.serving import eventually

ROOT = Path(__file__).parents[3]
SHORT = (
    *("--seconds", "1", "--warm-up", "0", "--rows", "200", "--workers", "1", "--users", "3"),
    *("--think-time", "10ms"),  # or the load generator would take a whole core
)


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def lab(*words):
    """Run the lab in this process, which spares a start; it knows the stub only.

    It draws no charts, which the interrupted run has and takes seconds for.
    """
    with (
        pytest.MonkeyPatch.context() as here,
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        here.setattr(signal, "signal", lambda number, handler: None)  # pytest keeps its own
        here.setattr(targets, "TARGETS", {STUB.name: STUB})
        here.setattr("lab.report.charts.all.charts", lambda found: {})
        code = main(words)
    return Ended(code, out.getvalue(), err.getvalue())


class Interrupted(NamedTuple):
    """A sweep stopped by Ctrl-C in its second trial."""

    folder: Path
    code: int
    err: str
    survivors: list[psutil.Process]
    files: set[str]  # as it left them
    records: list[trial.Trial]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    words = ("sweep", "stub", *SHORT, "--repeats", "1", "--open", "50", "--db-rtt", "1ms", "--live")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.stub_lab", *words, "--cpus", "1",
         "--results", str(results)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or any(results.rglob("02*-load.log")), 60)
        assert process.poll() is None, "it ended before"
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 3  # the holder of PostgreSQL, relay, server, most often the load
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=40)
    finally:
        if process.poll() is None:
            process.terminate()  # as the lab ends, it ends what it has started
        process.communicate(timeout=40)
    (folder,) = results.iterdir()
    return Interrupted(
        folder, process.returncode, err, psutil.wait_procs(family, timeout=5)[1],
        {path.name for path in folder.iterdir()}, jsonlines.read(folder / "records.jsonl"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def resumed(interrupted):
    return lab("resume", str(interrupted.folder))


def test_a_sweep_says_before_it_begins_how_long_it_takes(interrupted):
    assert "1 trial, each 0 s warm-up and 1 s measured: about" in interrupted.err
    assert "then an open load at 50% of the capacity found" in interrupted.err


def test_ctrl_c_stops_all_keeps_what_is_complete_and_says_how_to_go_on(interrupted):
    assert interrupted.code == 130, interrupted.err
    assert "lab: stopped, and so is everything it started" in interrupted.err
    assert f"python -m lab resume {interrupted.folder}" in interrupted.err
    assert f"live: {(interrupted.folder / 'report.html').as_uri()}" in interrupted.err
    assert 'http-equiv="refresh"' not in (interrupted.folder / "report.html").read_text()
    assert not interrupted.survivors
    assert len(interrupted.records) == 1
    assert "01-stub-requests.csv.gz" in interrupted.files
    assert not [name for name in interrupted.files if "unfinished" in name]
    assert not [name for name in interrupted.files if re.fullmatch(r"02.*\.gz", name)]


def test_a_resumed_run_measures_what_is_left_and_says_what_it_found(interrupted, resumed):
    assert resumed.code == 1, resumed.err  # the stub keeps no rows, and the lab notices
    assert "2 trials, 1 of them done" in resumed.err
    assert "trial 2 of 2, stub, 1 worker × 4 threads, " in resumed.err
    assert "# How many workers: stub" in resumed.out
    first, _ = jsonlines.read(interrupted.folder / "records.jsonl")
    assert [first] == interrupted.records


@pytest.mark.usefixtures("resumed")
def test_a_run_leaves_whole_files_that_name_none_holds(interrupted):
    names = {path.name for path in interrupted.folder.iterdir()}
    drawn = {"report.md", "report.html", "summary.json"}
    requests = {"01-stub-requests.csv.gz", "02-stub-requests.csv.gz"}
    assert {"plan.json", "records.jsonl"} | requests | drawn <= names
    assert not [name for name in names if "unfinished" in name]
    for name in drawn:
        text = (interrupted.folder / name).read_text()
        assert not re.search(r"(/home|/root|/tmp|/work)\b", text)


@pytest.mark.usefixtures("resumed")
def test_a_record_has_what_was_asked_for_and_what_held(interrupted):
    closed, opened = jsonlines.read(interrupted.folder / "records.jsonl")
    assert closed.total.failures == 0 < closed.throughput
    assert closed.usage["server"].cpu_seconds > 0
    assert {"server", "relay", "generator", "lab"} <= set(closed.usage)
    assert closed.round_trip
    assert closed.round_trip.service_ms - closed.round_trip.direct_ms >= 1
    assert closed.counters["database"].during("commits", 0, 1) is not None
    assert closed.cap.cpu in (True, False)  # as the rights are
    assert (opened.kind, opened.is_open) == ("open", True)
    assert opened.conditions.arrival_rate == pytest.approx(closed.throughput / 2, abs=0.1)


@pytest.mark.usefixtures("resumed")
def test_a_whole_run_has_nothing_to_resume(interrupted):
    before = (interrupted.folder / "records.jsonl").read_text()
    again = lab("resume", str(interrupted.folder))
    assert again.code == 1, again.err  # as above
    assert (interrupted.folder / "records.jsonl").read_text() == before


def the_complaint(err):
    """The one line with which the lab ends; what else it says are plain lines of progress."""
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("lab: ")]
    return line


@pytest.mark.torture
def test_a_database_that_dies_in_the_middle_of_a_trial_is_one_line(tmp_path, monkeypatch):
    def die_under_load(database):
        eventually(lambda: any(log.stat().st_size for log in tmp_path.rglob("*.csv")), 60)
        database.stop("immediate")

    words = (*SHORT, "--seconds", "60", "--results", str(tmp_path))
    own = Cluster("lab")
    try:
        own.start()
        monkeypatch.setenv("DATABASE_URL", own.server.url())
        with ThreadPoolExecutor() as beside:
            death = beside.submit(die_under_load, own)
            ended = lab("run", "stub", *words)
            death.result()
    finally:
        own.remove()
    assert ended.code == 2, ended.err
    assert the_complaint(ended.err) == (
        "lab: PostgreSQL stopped in the middle of a trial: see database.log"
    )


@pytest.mark.torture
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_one_line(tmp_path):
    disk = ("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(tmp_path))
    if subprocess.run(disk, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        with Stub(rows=50).serving() as stub:
            ended = lab("run", stub.url, *SHORT, "--results", str(tmp_path))
        assert ended.code == 2, ended.err
        assert "No space left on device" in the_complaint(ended.err)
    finally:
        subprocess.run(("umount", str(tmp_path)), check=True)


@pytest.mark.torture
def test_what_runs_already_is_measured_by_its_address(tmp_path):
    words = (*SHORT, "--pid", str(os.getpid()), "--results", str(tmp_path))
    with Stub(rows=50).serving() as stub:
        ended = lab("run", stub.url, *words)
    assert ended.code == 0, ended.err
    (one,) = jsonlines.read(next(tmp_path.rglob("records.jsonl")))
    assert one.is_external
    assert one.total.failures == 0 < one.throughput
    assert (one.table, one.round_trip) == (None, None)
    assert one.usage["server"].cpu_seconds > 0
    assert "not capped" in one.cap.sentences[0]
