import os
import socket
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from lab.errors import LabError
from lab.experiments import targets
from lab.experiments.targets import TARGETS, Target, named
from lab.running.servers import running, serving

STUB = Path(__file__).parents[1] / "stub.py"


@pytest.fixture
def target():
    return Target(name="stub", command=("{python}", str(STUB), "{port}", "{workers}"))


def test_a_target_serves_inside_the_block_and_is_gone_after_it(target, tmp_path):
    with serving(target, "postgresql://nowhere", log=tmp_path / "log", workers=3) as server:
        with urllib.request.urlopen(f"{server.url}/items/") as answer:
            assert answer.headers["X-Served-By"].startswith("stub/")
        family = psutil.Process(server.pid).children(recursive=True)
        assert len(family) == 2  # the first worker is the leader itself
    assert not psutil.pid_exists(server.pid or 0)
    assert not any(child.is_running() for child in family)


def test_children_that_ignore_sigterm_are_ended_too(target, tmp_path):
    with serving(
        target, "", log=tmp_path / "log", workers=2, env={"STUB": "stubborn-child"}
    ) as server:
        (child,) = psutil.Process(server.pid).children()
    assert not child.is_running()


def test_a_server_that_dies_while_starting_shows_its_last_lines(target, tmp_path):
    with (
        pytest.raises(LabError, match=r"exit code 3 while starting(.|\n)*no such table"),
        serving(target, "", log=tmp_path / "log", env={"STUB": "dies"}),
    ):
        pass


def test_a_server_that_never_answers_200_is_given_up(target, tmp_path):
    with (
        pytest.raises(LabError, match=r"within 1 s \(last: 503\)"),
        serving(target, "", log=tmp_path / "log", env={"STUB": "unready"}, patience=1),
    ):
        pass


def test_a_busy_port_is_refused_before_anything_starts(target, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(LabError, match=f"port {port} cannot be used"),
            serving(target, "", log=tmp_path / "log", port=port),
        ):
            pass
    assert not (tmp_path / "log").exists()


def test_an_unknown_program_is_one_readable_line(tmp_path):
    missing = Target(name="missing", command=("no-such-program",))
    with (
        pytest.raises(LabError, match="no-such-program"),
        serving(missing, "", log=tmp_path / "log"),
    ):
        pass


def test_the_callers_environment_does_not_leak_into_the_server(target, tmp_path, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 99")
    with serving(target, "db", log=tmp_path / "log", threads=7) as server:
        seen = psutil.Process(server.pid).environ()
    assert "GUNICORN_CMD_ARGS" not in seen
    assert (seen["DATABASE_URL"], seen["POOL_SIZE"]) == ("db", "7")


def test_placement_pins_the_program_before_its_first_instruction(target, tmp_path):
    from lab.running.processes import Placement

    core = min(os.sched_getaffinity(0))
    placement = Placement(cores=(core,))
    with serving(target, "", log=tmp_path / "log", workers=2, placement=placement) as server:
        leader = psutil.Process(server.pid)
        family = [leader, *leader.children(recursive=True)]
        assert [member.cpu_affinity() for member in family] == [[core], [core]]


def test_what_runs_already_is_seen_by_its_address_and_its_process(target, tmp_path):
    with serving(target, "", log=tmp_path / "log") as server:
        found = running(named(server.url), server.pid)
        assert (found.url, found.pid, found.program) == (server.url, server.pid, None)
    with pytest.raises(
        LabError, match=r"nothing answers at http://127\.0\.0\.1:\d+ .*start it first"
    ):
        running(named(server.url), None)
    with pytest.raises(LabError, match="no process 4194305"):
        running(named(server.url), 2**22 + 1)


def test_the_registry_names_every_target_by_its_own_name():
    assert all(target.name == name for name, target in TARGETS.items())
    with pytest.raises(LabError, match="no target 'rails'; known are django"):
        named("rails")


def test_a_target_that_is_not_installed_says_how_to_install_it(monkeypatch):
    missing = Target("elsewhere", command=(), optional=True)
    monkeypatch.setattr(targets, "TARGETS", {missing.name: missing})
    with pytest.raises(LabError, match="python -m peers install elsewhere"):
        named(missing.name)


def test_the_stub_runs_under_this_interpreter(target, tmp_path):
    with serving(target, "", log=tmp_path / "log") as server:
        assert psutil.Process(server.pid).cmdline()[0] == sys.executable
