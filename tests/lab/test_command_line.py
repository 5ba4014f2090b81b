import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lab import arguments, records
from lab.__main__ import main
from lab.analysis import analyse
from lab.commands import COMMANDS
from lab.results import failed
from tests.faults.cluster import cluster
from tests.lab.examples import comparison, trial
from tests.load.stub import Stub

ROOT = Path(__file__).parents[2]
SHORT = (
    *("--seconds", "1", "--warm-up", "0", "--rows", "200", "--workers", "1", "--users", "3"),
    *("--think-time", "10ms"),  # or the load generator would take a whole core
)


@pytest.fixture(autouse=True)
def _keep_the_signals_of_pytest(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)


def stub_lab(*words):
    """Start the lab with stub targets."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab.stub_lab", *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


@contextlib.contextmanager
def running_lab(*words):
    process = stub_lab(*words)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # as the lab ends, it ends what it has started
        process.communicate(timeout=40)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A short sweep with an open load after it: its folder, and what was printed."""
    results = tmp_path_factory.mktemp("results")
    words = ("sweep", "stub", *SHORT, "--repeats", "1", "--open", "50", "--db-rtt", "1ms")
    with running_lab(*words, "--cpus", "1", "--results", str(results)) as lab:
        out, err = lab.communicate(timeout=90)
    assert lab.returncode == 1, err  # the stub keeps no rows, and the lab notices
    (folder,) = results.iterdir()
    return folder, out, err


def test_a_sweep_says_how_long_it_takes_and_what_it_found(whole_run):
    _, out, err = whole_run
    assert "1 trial, each 0 s warm-up and 1 s measured: about" in err
    assert "then an open load at 50% of the capacity found" in err
    assert "trial 2 of 2, stub, 1 x 4, " in err
    assert "# How many workers: stub" in out


def test_a_run_leaves_whole_files_that_name_nobody(whole_run):
    folder, _, _ = whole_run
    names = {path.name for path in folder.iterdir()}
    drawn = {"report.md", "report.html", "summary.json"}
    assert {"plan.json", "records.jsonl", "01-stub-requests.csv.gz"} | drawn <= names
    assert not [name for name in names if "unfinished" in name]
    for name in drawn:
        assert not re.search(r"(/home|/root|/tmp|/work)\b", (folder / name).read_text())


def test_a_record_has_what_was_asked_for_and_what_held(whole_run):
    closed, opened = records.read(whole_run[0] / "records.jsonl")
    assert closed.total.failures == 0 < closed.throughput
    assert closed.usage["server"].cpu_seconds > 0
    assert {"server", "relay", "generator", "lab"} <= set(closed.usage)
    assert closed.round_trip
    assert closed.round_trip.service_ms - closed.round_trip.direct_ms >= 1
    assert closed.counters["database"].during("commits", 0, 1) is not None
    assert closed.cap.cpu in (True, False)  # as the rights are
    assert (opened.kind, opened.is_open) == ("open", True)
    assert opened.conditions.arrival_rate == pytest.approx(closed.throughput / 2, abs=0.1)


def test_a_whole_run_has_nothing_to_resume(whole_run, tmp_path):
    before = (whole_run[0] / "records.jsonl").read_text()
    with running_lab("resume", str(whole_run[0])) as lab:
        _, err = lab.communicate(timeout=60)
    assert lab.returncode == 1, err  # as above
    assert (whole_run[0] / "records.jsonl").read_text() == before


def wait_until(lab, done, seconds=60):
    deadline = time.monotonic() + seconds
    while not done():
        assert lab.poll() is None, lab.stderr.read()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_an_interrupted_run_stops_all_keeps_what_is_complete_and_goes_on(tmp_path):
    words = ("compare", "stub", "stub", *SHORT, "--repeats", "1", "--results", str(tmp_path))
    with running_lab(*words) as lab:
        wait_until(lab, lambda: any(tmp_path.rglob("02*-load.log")))
        family = psutil.Process(lab.pid).children(recursive=True)
        assert len(family) >= 2  # the holder of PostgreSQL, the server, most often the load
        lab.send_signal(signal.SIGINT)
        _, err = lab.communicate(timeout=40)
    assert lab.returncode == 130, err
    (folder,) = tmp_path.iterdir()
    assert "lab: stopped; all it started is stopped too" in err
    assert f"python -m lab resume {folder}" in err
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert not list(folder.glob("*unfinished*")) + list(folder.glob("02*.gz"))
    (first,) = records.read(folder / "records.jsonl")
    with running_lab("resume", str(folder)) as lab:
        _, err = lab.communicate(timeout=60)
    assert lab.returncode == 1, err  # as above
    assert "2 trials, 1 of them done" in err
    again, second = records.read(folder / "records.jsonl")
    assert again == first
    assert {first.label, second.label} == {"stub", "stub #2"}


def test_a_closed_terminal_and_sigterm_take_the_way_of_ctrl_c(monkeypatch):
    taken = {}
    monkeypatch.setattr(signal, "signal", lambda number, handler: taken.update({number: handler}))
    main(["report", "nowhere"])
    assert set(taken) == {signal.SIGTERM, signal.SIGHUP}
    for handler in taken.values():
        with pytest.raises(KeyboardInterrupt):
            handler(0, None)


def the_complaint(err):
    """The one line with which the lab ends; what else it says are plain lines of progress."""
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("lab: ")]
    return line


def test_a_database_that_dies_in_the_middle_of_a_trial_is_one_line(tmp_path, monkeypatch):
    with cluster("lab") as own:
        monkeypatch.setenv("DATABASE_URL", own.server.url())
        words = (*SHORT, "--seconds", "60", "--results", str(tmp_path))
        with running_lab("run", "stub", *words) as lab:
            wait_until(lab, lambda: any(log.stat().st_size for log in tmp_path.rglob("*.csv")))
            own.stop("immediate")
            _, err = lab.communicate(timeout=40)
    assert lab.returncode == 2, err
    assert the_complaint(err) == (
        "lab: PostgreSQL ended in the middle of a trial: database.log says why"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_one_line(tmp_path):
    disk = ("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path))
    if subprocess.run(disk, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        with running_lab("run", "stub", *SHORT, "--results", str(tmp_path)) as lab:
            _, err = lab.communicate(timeout=60)
        assert lab.returncode == 2, err
        assert "No space left on device" in the_complaint(err)
    finally:
        subprocess.run(("umount", str(tmp_path)), check=True)


def complaint(capsys, *words):
    """Run a command that must be refused before anything starts; return its one line."""
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lab: ")
    return line


def test_an_unknown_target_is_one_line_that_names_the_known(capsys, tmp_path):
    line = complaint(capsys, "compare", "rails", "--results", str(tmp_path))
    assert "no target 'rails'; known are django, fastapi-sqlalchemy" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "said"), [
    (("--seconds", "0"), "seconds is 0.0"),
    (("--repeats", "0"), "repeats is 0"),
    (("--workers", "-1"), "workers is -1"),
    (("--cpus", "512"), "a cap of 512 CPUs caps nothing here"),
    (("--memory", "1m"), "a cap of 1 MiB of memory: a server starts in 48 or more"),
    (("--memory", "900000g"), "and this machine has"),
])  # fmt: skip
def test_impossible_numbers_are_refused(words, said, capsys, tmp_path):
    assert said in complaint(capsys, "compare", "django", *words, "--results", str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_what_runs_already_cannot_be_capped(capsys, tmp_path):
    words = ("run", "http://127.0.0.1:1", "--cpus", "1", "--results", str(tmp_path))
    assert "only what the lab starts can be capped" in complaint(capsys, *words)


def test_a_dead_url_is_one_line(capsys, tmp_path):
    assert main(["run", "http://127.0.0.1:1", "--results", str(tmp_path)]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("lab: ")]
    assert "nothing answers at http://127.0.0.1:1" in line
    assert "start it first" in line


def test_what_runs_already_is_measured_by_its_address(tmp_path):
    words = (*SHORT, "--pid", str(os.getpid()), "--results", str(tmp_path))
    with Stub(rows=50).serving() as stub, running_lab("run", stub.url, *words) as lab:
        _, err = lab.communicate(timeout=60)
    assert lab.returncode == 0, err
    (one,) = records.read(next(tmp_path.rglob("records.jsonl")))
    assert one.is_external
    assert one.total.failures == 0 < one.throughput
    assert (one.table, one.round_trip) == (None, None)
    assert one.usage["server"].cpu_seconds > 0
    assert "not capped" in one.cap.sentences[0]


def test_results_that_cannot_be_written_are_refused(capsys, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    assert "cannot write results" in complaint(
        capsys, "compare", "django", "--results", str(blocked)
    )


def test_a_database_that_is_not_there_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/crud")
    assert main(["compare", "django", "--results", str(tmp_path)]) == 2
    assert "lab: PostgreSQL cannot be reached" in capsys.readouterr().err


def test_wrong_words_are_exit_2(capsys):
    for words in ([], ["compare"], ["compare", "django", "--memory", "much"], ["fly"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    assert "write 512m or 1g" in capsys.readouterr().err


def test_sizes_times_and_lists_are_read_as_people_write_them(capsys):
    read = arguments.parser(COMMANDS).parse_args
    words = ("--memory", "512m", "--duration", "10m", "--db-rtt", "0.5ms", "--warm-up", "5")
    options = read(["sweep", "django", "--workers", "1,2,2,4", "--open", "50,120", *words])
    assert read(["report", "x", "--p95", "300"]).objective_ms == 300
    assert read(["report", "x", "--p95", "0.3s"]).objective_ms == 300
    assert options.memory == 512 * 1024**2
    assert (options.seconds, options.db_rtt, options.warm_up) == (600, 0.0005, 5)
    assert (options.workers, options.open) == ((1, 2, 4), (0.5, 1.2))
    assert read(["sweep", "django", "--open", "none"]).open == ()
    for wrong in (("--duration", "soon"), ("--workers", "1;2"), ("--memory", "1x")):
        with pytest.raises(SystemExit):
            read(["sweep", "django", *wrong])


def test_a_report_is_redrawn_from_records_alone(capsys, tmp_path):
    for one in comparison():
        records.append(tmp_path / "records.jsonl", one)
    assert main(["report", str(tmp_path)]) == 0
    assert "# django against fastapi" in capsys.readouterr().out
    assert (tmp_path / "report.md").exists()


def test_json_is_all_that_is_printed_when_asked_for(capsys, tmp_path):
    for one in comparison():
        records.append(tmp_path / "records.jsonl", one)
    assert main(["report", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "summary.json").read_text()
    assert json.loads(printed)["settings"]


def test_an_objective_that_is_never_met_and_an_invalid_trial_are_exit_1(capsys, tmp_path):
    for one in comparison():
        records.append(tmp_path / "records.jsonl", one)
    assert main(["report", str(tmp_path), "--p95", "150ms"]) == 1
    assert capsys.readouterr().err == "lab: django never had p95 below 150 ms\n"
    found = analyse([*comparison(), trial(number=9, failures=1500, pair=4)])
    (said,) = failed(found, None)
    assert said.startswith("trial 9 is invalid: 1,500 of")


def test_a_report_on_nothing_or_on_later_records_is_refused(capsys, tmp_path):
    assert "no completed trial" in complaint(capsys, "report", str(tmp_path))
    assert "cannot read" in complaint(capsys, "resume", str(tmp_path))
    (tmp_path / "records.jsonl").write_text('{"version": 99}\n')
    assert "written by a later lab" in complaint(capsys, "report", str(tmp_path))
    (tmp_path / "records.jsonl").write_text("")
    assert "no completed trial" in complaint(capsys, "report", str(tmp_path))


def test_the_help_teaches_by_example(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python -m lab compare django fastapi-sqlalchemy" in capsys.readouterr().out
