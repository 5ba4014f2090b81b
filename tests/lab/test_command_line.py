import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lab import __main__, records
from lab.__main__ import main
from tests.lab.examples import comparison

ROOT = Path(__file__).parents[2]
SHORT = ("--seconds", "2", "--warm-up", "1", "--users", "5", "--workers", "1", "--rows", "200")


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
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_comparison_measures_both_and_leaves_whole_files(tmp_path):
    words = ("compare", "stub", "stub", "--repeats", "1", *SHORT, "--results", str(tmp_path))
    with running_lab(*words) as lab:
        out, err = lab.communicate(timeout=90)
    assert lab.returncode == 0, err
    assert "2 trials" in err
    assert "trial 2 of 2, stub #2" in err
    assert "# stub against stub #2" in out
    (folder,) = tmp_path.iterdir()
    names = {path.name for path in folder.iterdir()}
    assert {"records.jsonl", "report.md", "01-stub-requests.csv.gz"} <= names
    assert not [name for name in names if "unfinished" in name]
    trials = records.read(folder / "records.jsonl")
    assert [trial.label for trial in trials] == ["stub", "stub #2"]
    assert all(trial.total.failures == 0 < trial.throughput for trial in trials)
    assert all(trial.usage["database"].cpu_seconds >= 0 for trial in trials)
    assert not re.search(r"(/home|/root|/tmp|/work)", (folder / "report.md").read_text())


def wait_until(lab, done, seconds=60):
    deadline = time.monotonic() + seconds
    while not done():
        assert lab.poll() is None, lab.stderr.read()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_all_and_leaves_nothing_half_done(number, tmp_path):
    words = ("compare", "stub", *SHORT, "--seconds", "60", "--results", str(tmp_path))
    with running_lab(*words) as lab:
        wait_until(lab, lambda: any(log.stat().st_size for log in tmp_path.rglob("*.csv")))
        family = psutil.Process(lab.pid).children(recursive=True)
        assert len(family) >= 3  # the holder of PostgreSQL, the server, the load
        lab.send_signal(number)
        _, err = lab.communicate(timeout=40)
    assert lab.returncode == 130, err
    assert err.endswith("lab: stopped; all it started is stopped too\n")
    assert not psutil.wait_procs(family, timeout=5)[1]
    (folder,) = tmp_path.iterdir()
    assert {path.suffix for path in folder.iterdir()} == {".log"}


def test_a_server_that_dies_is_exit_2_and_shows_why(tmp_path):
    with running_lab("compare", "dying", *SHORT, "--results", str(tmp_path)) as lab:
        _, err = lab.communicate(timeout=60)
    assert lab.returncode == 2
    assert "lab: dying ended with exit code 1 while starting" in err
    assert "no such table" in err
    assert "Traceback" not in err


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


def test_impossible_numbers_are_refused(capsys):
    assert "seconds is 0.0" in complaint(capsys, "compare", "django", "--seconds", "0")
    assert "repeats is 0" in complaint(capsys, "compare", "django", "--repeats", "0")
    assert "workers is -1" in complaint(capsys, "compare", "django", "--workers", "-1")


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


def test_sizes_are_read_in_powers_of_1024():
    assert __main__._bytes("512m") == 512 * 1024**2
    assert __main__._bytes("1G") == 1024**3
    assert __main__._bytes("4096") == 4096


def test_a_report_is_redrawn_from_records_alone(capsys, tmp_path):
    for trial in comparison():
        records.append(tmp_path / "records.jsonl", trial)
    assert main(["report", str(tmp_path)]) == 0
    assert "# django against fastapi" in capsys.readouterr().out
    assert (tmp_path / "report.md").exists()


def test_a_report_on_nothing_or_on_later_records_is_refused(capsys, tmp_path):
    assert "cannot read" in complaint(capsys, "report", str(tmp_path))
    (tmp_path / "records.jsonl").write_text('{"version": 99}\n')
    assert "written by a later lab" in complaint(capsys, "report", str(tmp_path))
    (tmp_path / "records.jsonl").write_text("")
    assert "no completed trial" in complaint(capsys, "report", str(tmp_path))


def test_the_help_teaches_by_example(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python -m lab compare django fastapi-sqlalchemy" in capsys.readouterr().out
