"""Other hosts: their file, the agent that is sent to them, and what the records say of each."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from lab.analysis.rules.trials import generator
from lab.cli.main import main
from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.report.conditions import machine
from lab.running.hosts import distributed, remote
from lab.running.hosts.inventory import Host, Role, read
from lab.running.hosts.remote import Reported, agent
from tests.lab.examples import MACHINE, process, processes, trial

GOOD = """
url = "http://10.0.0.5:8080"
[[host]]
name = "db"
role = "database"
run = "ssh db"
pid_file = "/var/run/postgresql.pid"
[[host]]
name = "web1"
role = "service"
run = "ssh web1"
start = "cd /srv/items && exec gunicorn project.wsgi"
[[host]]
name = "load"
role = "load-master"
address = "10.0.0.9"
[[host]]
name = "load1"
role = "load-worker"
run = "ssh load1"
"""


@pytest.fixture(autouse=True)
def _keep_the_signals_of_pytest(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)


def written(tmp_path, text):
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    return path


def test_a_file_names_each_host_with_its_role(tmp_path):
    found = read(written(tmp_path, GOOD))
    assert [(host.name, host.role.party) for host in found.hosts] == [
        ("db", "database"), ("web1", "server"), ("load", "generator"), ("load1", "generator"),
    ]  # fmt: skip
    assert found.master.address == "10.0.0.9"
    assert found.of(Role.SERVICE)[0].prefix == ["ssh", "web1"]


@pytest.mark.parametrize(("change", "said"), [
    (('"service"', '"web"'), "host web1: no role 'web'; known are database, service, load-master"),
    (('role = "load-master"', 'role = "load-worker"'), "exactly one host with the role load-"),
    (('role = "load-worker"', 'role = "database"\npid_file = "x"'), "at least one host with the"),
    (('start = "cd', 'begin = "cd'), "host web1: no 'begin' is known; known are name, role"),
    (('start = "cd /srv/items && exec gunicorn project.wsgi"', ""), "give start (a command) or"),
    (('address = "10.0.0.9"', ""), "give the address at which load-workers find it"),
    (('name = "load1"', 'name = "load"'), "two hosts are called load"),
    (('"http://10.0.0.5:8080"', '"10.0.0.5"'), "url is '10.0.0.5': give the http://"),
    (('"http://10.0.0.5:8080"', "5"), "url is 5: give text"),
    (("[[host]]", "[host"), "hosts.toml: "),
])  # fmt: skip
def test_a_wrong_file_is_one_line_and_exit_2(tmp_path, capsys, change, said):
    path = written(tmp_path, GOOD.replace(*change))
    assert main(["run", "--hosts", str(path), "--results", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"lab: {path}: ")
    assert said in line


def test_a_missing_file_and_a_target_too_many_are_refused(tmp_path, capsys):
    assert main(["run", "--hosts", str(tmp_path / "none.toml")]) == 2
    assert "cannot read" in capsys.readouterr().err
    assert main(["run", "django", "--hosts", "x"]) == 2
    assert "leave out target and --command" in capsys.readouterr().err
    assert main(["run"]) == 2
    assert "name what to measure" in capsys.readouterr().err


WORKS = """
import time
open("a.csv", "w").write("1")
end = time.time() + 1.2
while time.time() < end:
    pass
"""


def test_an_agent_starts_watches_and_brings_back_what_was_written(tmp_path):
    host = Host("load1", Role.LOAD_WORKER)
    begin = time.time()
    with agent(host, [sys.executable, "-c", WORKS], tmp_path) as found:
        while not (end := found.end()):
            time.sleep(0.05)
        found.program.wait(5)
        reported = Reported([found])
        assert end["exit"] == 0
        assert found.files() == {"a.csv": b"1"}
        (busy,) = reported.processes(begin)
        counters = reported.counters(begin)["machine"]
    assert (busy.host, busy.party) == ("load1", "generator")
    assert busy.cpu_seconds[-1] > 0.1
    assert counters.totals["busy_seconds"][-1] >= counters.totals["busy_seconds"][0]
    assert reported.facts()["hosts"]["load1"]["role"] == "load-worker"
    assert reported.facts()["cores"] == os.cpu_count()
    assert len(reported.parties["generator"].cores) == os.cpu_count()


def test_what_a_host_sets_for_locust_changes_no_load(tmp_path):
    host = Host("load1", Role.LOAD_WORKER, run="env LOCUST_PAGE_SIZE=1")
    said = ["sh", "-c", "env | grep LOCUST_"]
    with agent(host, said, tmp_path, {"LOCUST_API_KEY": "key"}) as found:
        while not (end := found.end()):
            time.sleep(0.05)
    assert end["said"] == "LOCUST_API_KEY=key"


def test_a_host_that_is_lost_under_way_is_one_line(tmp_path):
    host = Host("load1", Role.LOAD_WORKER)
    with agent(host, ["sleep", "60"], tmp_path) as found:
        while not (seen := list(Reported([found]).processes(0))):
            time.sleep(0.02)
        os.kill(found.program.pid, signal.SIGKILL)
        os.kill(seen[0].pid, signal.SIGKILL)
        found.program.wait(5)
        with pytest.raises(LabError, match="host load1 was lost"):
            found.end()


def test_an_agent_takes_its_program_with_it(tmp_path):
    with agent(Host("web", Role.SERVICE, start="x"), ["sleep", "60"], tmp_path) as found:
        while not (seen := list(Reported([found]).processes(0))):
            time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0].pid, 0)


def test_an_agent_that_nobody_reads_any_more_ends_too(tmp_path):
    # As when the ssh in front of it is killed: its signal never comes.
    (tmp_path / "agent").write_text(
        remote.text({"words": ["sleep", "60"], "pid_file": "", "env": {}})
    )
    words = "python3 -u - < agent 2> errors | head -n 2"
    _, sample = subprocess.check_output(["sh", "-c", words], cwd=tmp_path, timeout=60).splitlines()
    pid = json.loads(sample)["processes"][0][0]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_runs_already_is_found_by_its_pid_file(tmp_path):
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{os.getpid()}\n")
    host = Host("db", Role.DATABASE, pid_file=str(pid_file))
    with agent(host, [], tmp_path) as found:
        while not (seen := list(Reported([found]).processes(0))):
            time.sleep(0.02)
        assert seen[0].pid == os.getpid()
    pid_file.write_text("soon")
    with agent(host, [], tmp_path) as found:
        while not (end := found.end()):
            time.sleep(0.02)
    assert "soon" in end["said"]


@pytest.mark.parametrize(
    "run", ["false", "no-such-program there", "sh -c 'echo nobody home; exit 1'"]
)
def test_a_host_that_cannot_be_reached_is_one_line(tmp_path, run):
    host = Host("web1", Role.SERVICE, run=run, start="x")
    with (
        pytest.raises(LabError, match="host web1 cannot be reached by `"),
        agent(host, [], tmp_path),
    ):
        pass


def test_a_clock_that_is_off_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lab.running.hosts.remote.MOST_SKEW", -1.0)
    host = Host("web1", Role.SERVICE, start="x")
    with (
        pytest.raises(LabError, match=r"clock of host web1 is .* s off"),
        agent(host, [], tmp_path),
    ):
        pass


def test_each_generator_has_a_core_of_its_own_and_the_report_says_which_host_did_what():
    hosts = {
        name: {"role": "load-worker", "cores": 2, "memory": 2**31, "kernel": "Linux 6.1"}
        for name in ("load1", "load2")
    }
    two = tuple(on(process("generator", pid, 30.0), f"load{pid}") for pid in (1, 2))
    one = trial(processes=(*processes(generator=0.0)[:2], *two), machine=MACHINE | {"hosts": hosts})
    assert one.cores_used("generator") == pytest.approx(1.2)
    assert [*generator(one)] == []  # 60 % of a core on each
    assert max(one.generators.values()) == pytest.approx(0.6)
    said = "\n".join(machine(one))
    assert (
        "host load1: load-worker on 2 cores, 2 GiB, Linux 6.1; its processes (1) used 0.60" in said
    )
    full = trial(processes=(on(process("generator", 1, 48.0), "load1"), *processes()[:2]))
    assert [*generator(full)] == ["the load generator used 96 % of a core of host load1"]


def on(one, host):
    return type(one)(**{**vars(one), "host": host})


def test_a_service_is_started_there_with_the_workers_of_the_trial():
    host = Host("web", Role.SERVICE, start="exec serve --workers {workers} ${OTHER}")
    assert distributed._served(host, Conditions(workers=3)) == [
        "sh", "-c", "exec serve --workers 3 ${OTHER}",
    ]  # fmt: skip


def test_several_counts_of_workers_need_a_service_that_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    file = tmp_path / "hosts.toml"
    file.write_text(
        'url = "http://127.0.0.1:9"\n'
        '[[host]]\nname = "web"\nrole = "service"\nstart = "serve"\n'
        '[[host]]\nname = "m"\nrole = "load-master"\naddress = "127.0.0.1"\n'
        '[[host]]\nname = "w"\nrole = "load-worker"\n'
    )
    words = ["sweep", "--hosts", str(file), "--workers", "1,2", "--results", str(tmp_path / "r")]
    assert main(words) == 2
    assert "write {workers} where it is started" in capsys.readouterr().err
