import argparse
import contextlib
import itertools
import json
import select
import signal
from pathlib import Path

import pytest

from lab.analysis.analyse import analyse, failed
from lab.cli import main as main_module
from lab.cli import measuring, sweep
from lab.cli.main import COMMANDS, main, parser
from lab.experiments import plan
from lab.records import jsonlines
from lab.running import machine
from tests.lab.examples import comparison, trial

ROOT = Path(__file__).parents[3]


def test_a_closed_terminal_and_sigterm_take_the_way_of_ctrl_c(monkeypatch):
    taken = {}
    monkeypatch.setattr(signal, "signal", lambda number, handler: taken.update({number: handler}))
    # Whoever runs these tests by nohup has SIGHUP ignored.
    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.SIG_DFL)
    main(["report", "nowhere"])
    assert set(taken) == {signal.SIGTERM, signal.SIGHUP}
    for handler in taken.values():
        with pytest.raises(KeyboardInterrupt):
            handler(0, None)


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
    (("--cpus", "512"), "a cap of 512 CPUs has no effect"),
    (("--memory", "1m"), "a cap of 1 MiB of memory: a server starts in 48 MiB or more"),
    (("--memory", "900000g"), "and this machine has"),
])  # fmt: skip
def test_impossible_numbers_are_refused(words, said, capsys, tmp_path):
    assert said in complaint(capsys, "compare", "django", *words, "--results", str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("doctor",), ("compare", "django"), ("resume", "nowhere")])
def test_without_epoll_or_proc_one_line_says_what_measuring_needs(
    words, capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr(machine, "PROC", tmp_path / "stat")
    assert "measuring needs Linux (/proc, epoll)" in complaint(capsys, *words)
    monkeypatch.undo()
    monkeypatch.delattr(select, "epoll")
    assert "measuring needs Linux (/proc, epoll)" in complaint(capsys, *words)


def test_what_runs_already_cannot_be_capped(capsys, tmp_path):
    words = ("run", "http://127.0.0.1:1", "--cpus", "1", "--results", str(tmp_path))
    assert "the lab can cap only what it starts" in complaint(capsys, *words)


def test_several_worker_counts_of_what_runs_already_are_refused(capsys, tmp_path):
    url = "http://127.0.0.1:9"
    line = complaint(capsys, "sweep", url, "--workers", "1,2,4", "--results", str(tmp_path))
    assert f"{url} is already running, and the lab cannot change its workers" in line
    assert "leave out --workers, or let the lab start the service (--command)" in line


def test_a_dead_url_is_one_line_and_leaves_nothing(capsys, tmp_path):
    line = complaint(capsys, "run", "http://127.0.0.1:1", "--results", str(tmp_path))
    assert "nothing answers at http://127.0.0.1:1" in line
    assert "start it first" in line
    assert not list(tmp_path.iterdir())


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
    for words in ([], ["compare", "django", "--memory", "much"], ["fly"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    assert "write 512m or 1g" in capsys.readouterr().err


def test_sizes_times_and_lists_are_read_as_people_write_them(capsys):
    read = parser().parse_args
    words = ("--memory", "512m", "--duration", "10m", "--db-rtt", "0.5ms", "--warm-up", "5")
    options = read(["sweep", "django", "--workers", "1,2,2,4", "--open", "50,120", *words])
    assert read(["report", "x", "--p95", "300"]).objective_ms == 300
    assert read(["report", "x", "--p95", "0.3s"]).objective_ms == 300
    assert read(["report", "x", "--p95", "300.5"]).objective_ms == pytest.approx(300.5)
    assert options.memory == 512 * 1024**2
    assert (options.seconds, options.db_rtt, options.warm_up) == (600, 0.0005, 5)
    assert (options.workers, options.open) == ((1, 2, 4), (0.5, 1.2))
    assert read(["sweep", "django", "--open", "none"]).open == ()
    for wrong in (("--duration", "soon"), ("--workers", "1;2"), ("--memory", "1x")):
        with pytest.raises(SystemExit):
            read(["sweep", "django", *wrong])


@pytest.mark.usefixtures("_without_charts")
def test_a_report_is_redrawn_from_records_alone(capsys, tmp_path):
    for one in comparison():
        jsonlines.append(tmp_path / "records.jsonl", one)
    assert main(["report", str(tmp_path)]) == 0
    assert "# django against fastapi" in capsys.readouterr().out
    assert (tmp_path / "report.md").exists()


@pytest.mark.usefixtures("_without_charts")
def test_json_is_all_that_is_printed_when_asked_for(capsys, tmp_path):
    for one in comparison():
        jsonlines.append(tmp_path / "records.jsonl", one)
    assert main(["report", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "summary.json").read_text()
    assert json.loads(printed)["settings"]


@pytest.mark.usefixtures("_without_charts")
def test_an_objective_that_is_never_met_and_an_invalid_trial_are_exit_1(capsys, tmp_path):
    for one in comparison():
        jsonlines.append(tmp_path / "records.jsonl", one)
    assert main(["report", str(tmp_path), "--p95", "150ms"]) == 1
    assert capsys.readouterr().err == (
        "lab: django never had p95 below 150 ms with its whole interval: at best 193 (183 to 203) "
        "ms (2 workers × 4 threads, 60 users)\n"
    )
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


@pytest.mark.parametrize(("command", "workers"), [
    ("serve --port {port}", (1,)), ("serve --port {port} --workers {workers}", (1, 2, 4)),
])  # fmt: skip
def test_a_sweep_over_users_needs_no_word_about_workers(command, workers):
    words = ["sweep", "--command", command, "--users", "5,50"]
    options = parser().parse_args(words)
    assert sweep.axes(options, ["service"]) == {
        "workers": workers, "threads": (4,), "users": (5, 50),
    }  # fmt: skip


def test_a_variant_is_swept_as_its_target_is():
    options = parser().parse_args(["sweep", "django-metrics"])
    assert sweep.axes(options, ["django-metrics"]) == sweep.GRID


def test_who_asked_for_it_by_nohup_outlives_the_terminal(monkeypatch):
    taken = {}
    monkeypatch.setattr(signal, "signal", lambda number, handler: taken.update({number: handler}))
    ignored = {signal.SIGHUP: signal.SIG_IGN}
    monkeypatch.setattr(signal, "getsignal", lambda number: ignored.get(number, signal.SIG_DFL))
    main(["report", "nowhere"])
    assert set(taken) == {signal.SIGTERM}


@pytest.mark.parametrize(("words", "said"), [
    (("run", "http://[::1"), "'http://[::1' is no address"),
    (("probe", "http://[::1"), "'http://[::1' is no address"),
    (("run", "--command", "x {port}", "--database", "postgres://[x"), "no address"),
    (("run", "http://127.0.0.1:9", "--load", "--payload '{"), "cannot be read: No closing"),
    (("run", "django", "--load", "--page-size 100"), "--load is for a service of your own"),
    (("compare", "http://127.0.0.1:9", "http://127.0.0.1:8", "--pid", "1"), "--pid is the main"),
    (("run", "django", "--pid", "1"), "--pid is the main process of one http:// target"),
    (("run", "http://127.0.0.1:9", "--load", "--users 5"), "--users stands among the options"),
    (("run", "http://127.0.0.1:9", "--load", "--think 1"), "--think stands among the options"),
    (("run", "http://127.0.0.1:9", "--load", "-t 5s"), "-t stands among the options"),
    (("run", "django", "--mix", "60/15/20/5.5"), "give weights of"),
    (("run", "django", "--mix", "1000000000/1/1/1"), "together 10,000 at most"),
])  # fmt: skip
def test_what_cannot_be_meant_is_one_line(words, said, capsys, tmp_path):
    results = () if words[0] == "probe" else ("--results", str(tmp_path))
    assert said in complaint(capsys, *words, *results)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [
    ("--seconds", "inf"), ("--think-time", "nan"), ("--warm-up", "inf"), ("--p95", "nan"),
    ("--open", "0,50"), ("--p95", "0"), ("--warm-up=-1s",),
])  # fmt: skip
def test_no_time_and_no_load_are_refused_as_such(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "django", *words])
    assert ended.value.code == 2
    assert "write" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_takes_for_a_number_what_is_none(name):
    part = argparse.ArgumentParser()
    COMMANDS[name].add_options(part)
    readers = {action.type for action in part._actions if callable(action.type)}
    for reader, text in itertools.product(readers, ("nan", "inf", "-inf", "1e999", "1e308h", "-1")):
        with contextlib.suppress(ValueError, argparse.ArgumentTypeError):
            assert not isinstance(reader(text), float), f"{reader} {text}"


@pytest.mark.parametrize("option", ["--users", "--workers", "--open"])
def test_more_than_there_can_be_is_refused(option, capsys):
    with pytest.raises(SystemExit):
        main(["sweep", "django", option, "9" * 400])
    assert "9 is more than there can be" in capsys.readouterr().err


def test_options_are_whole_words_for_what_is_recorded_leaves_the_folder_of_results_out(capsys):
    with pytest.raises(SystemExit):
        main(["run", "http://127.0.0.1:9", "--result", "/home/me"])
    assert "unrecognized arguments: --result /home/me" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--mix 80/20/0/0", "--mix=80/20/0/0", "--mi 80/20/0/0"])
def test_the_mix_among_the_options_of_the_load_is_that_of_the_records(
    tmp_path, monkeypatch, option
):
    monkeypatch.setattr(measuring, "measure", lambda folder, live: folder)
    monkeypatch.setattr(measuring, "running", lambda target, pid: None)
    monkeypatch.setattr(main_module, "_say", lambda folder, options: 0)
    load = f"--base-path /x {option}"
    words = ["--load", load, "--results", str(tmp_path)]
    assert main(["run", "http://127.0.0.1:9", *words]) == 0
    (folder,) = tmp_path.iterdir()
    (step,) = plan.read(folder).steps
    assert step.conditions.mix == "80/20/0/0"
