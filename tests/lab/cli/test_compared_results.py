"""`python -m lab compare BEFORE AFTER`: two results, an exit code, and what a terminal may do."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from lab.cli.main import main
from lab.records import jsonlines
from tests.lab.cli.test_command_line import ROOT, complaint
from tests.lab.examples import load, trial


def written(folder, latency, repeats=3):
    """A results folder whose trials have a latency (ms)."""
    folder.mkdir()
    for number in range(1, repeats + 1):
        requests = int(60 * 50_000 / (latency + 0.1 * number))  # of 60 users who never pause
        seconds = load(requests, latency + 0.1 * number)
        one = replace(trial(requests=requests), number=number, pair=number, seconds_of_load=seconds)
        jsonlines.append(folder / jsonlines.FILE, one)
    return str(folder)


def test_two_results_are_compared_with_an_exit_code_and_a_file_for_a_ci(tmp_path, capsys):
    fast, slow = written(tmp_path / "fast", 100), written(tmp_path / "slow", 150)
    junit = tmp_path / "junit.xml"
    assert main(["compare", fast, slow, "--junit", str(junit)]) == 1
    said = capsys.readouterr()
    assert "all operations, p95 is worse" in said.out
    assert "figures are worse" in said.err
    suite = ElementTree.parse(junit).getroot()
    assert suite.tag == "testsuite"
    assert suite.get("failures") == str(len(suite.findall(".//failure"))) != "0"
    assert suite.get("tests") == str(len(suite.findall("testcase")))

    assert main(["compare", slow, fast, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"][0]["figure"] == "throughput"
    assert main(["compare", fast, fast]) == 0


def test_results_that_tell_nothing_and_words_that_do_not_fit_are_exit_2(tmp_path, capsys):
    few, more = written(tmp_path / "few", 100, repeats=1), written(tmp_path / "more", 100)
    assert "nothing can be told: 1 trial measured" in complaint(capsys, "compare", few, more)[-200:]
    assert "two results folders" in complaint(capsys, "compare", few, "django")
    assert "two results folders" in complaint(capsys, "compare", "django", "--junit", "x")


def test_who_stops_reading_is_no_error(tmp_path):
    folder = written(tmp_path / "one", 100)
    with subprocess.Popen(
        [sys.executable, "-m", "lab", "compare", folder, folder],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read().decode()
    assert (process.returncode, said) == (141, "")


def test_words_that_a_terminal_has_no_letters_for_are_no_traceback(tmp_path):
    folder = written(tmp_path / "one", 100)
    run = subprocess.run(
        [sys.executable, "-m", "lab", "compare", folder, folder], cwd=ROOT, check=False,
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert b"2 workers ? 4 threads" in run.stdout


def test_another_machine_is_named_where_something_is_worse(tmp_path, capsys):
    fast, slow = written(tmp_path / "fast", 100), tmp_path / "slow"
    slow.mkdir()
    for one in jsonlines.completed(Path(written(tmp_path / "as-slow", 150))):
        other = replace(one, machine={**one.machine, "cpu": "Another CPU"})
        jsonlines.append(slow / jsonlines.FILE, other)
    assert main(["compare", fast, str(slow)]) == 1
    assert "(on another machine: cpu: before Example CPU, now Another CPU)" in (
        capsys.readouterr().err
    )
