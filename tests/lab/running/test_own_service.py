"""A service that is not ours is started, counted, capped, watched and stopped as ours is."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lab.cli.main import main
from lab.errors import LabError
from lab.experiments import services
from lab.experiments.services import Service
from lab.experiments.targets import Target
from lab.records import jsonlines
from lab.running.caps import Enforced
from lab.running.processes import Placement
from lab.running.servers import serving, settings
from lab.running.trial import _cap
from tests.lab.running.test_whole_runs import lab
from tests.load.strangers import KEY, notes, serving_flask
from tests.load.test_strangers import SHOP

ROOT = Path(__file__).parents[3]
STUB = Path(__file__).parents[1] / "stub.py"
PYTHON = shlex.quote(sys.executable)  # its folder may have blanks
COMMAND = f"{PYTHON} -m uvicorn tests.lab.stranger:app --port {{port}} --workers {{workers}}"
SHORT = ("--users", "4", "--repeats", "1", "--seconds", "2", "--warm-up", "1", "--open", "none")


def swept(monkeypatch, *words):
    """Sweep in this process, which spares a start, and draw no charts."""
    monkeypatch.setenv("LOCUST_API_KEY", KEY)
    # The rows of this service are each worker's own: a read must not miss what it did not create.
    load = shlex.join((*SHOP, "--mix", "0/1/1/0"))
    return lab("sweep", *words, *SHORT, "--load", load)


@pytest.mark.django_db(transaction=True)
@pytest.mark.torture
def test_a_service_is_started_with_each_number_of_workers_and_leaves_nothing(
    tmp_path, database_url, monkeypatch
):
    file = tmp_path / "shop.toml"
    file.write_text(
        f"command = {json.dumps(COMMAND)}\nfolder = {json.dumps(str(ROOT))}\nready = '/health'\n"
        f"database = '$SHOP_DATABASE'\nbefore = 'touch {tmp_path}/prepared'\n"
        "[env]\nSECRET = 'nobody-sees-this'\nMANY = '{workers}'\n"
    )
    monkeypatch.setenv("SHOP_DATABASE", database_url)
    run = swept(monkeypatch, str(file), "--workers", "1,2", "--results", str(tmp_path / "r"))
    assert run.code == 0, run.err
    (folder,) = (tmp_path / "r").iterdir()
    one, two = sorted(jsonlines.completed(folder), key=lambda trial: trial.conditions.workers)

    assert (one.label, one.total.failures, two.total.failures) == ("shop", 0, 0)
    assert len(servers(two)) > len(servers(one)) >= 1
    assert not any(psutil.pid_exists(process.pid) for process in servers(two))
    assert one.usage["server"].cpu_seconds > 0
    assert max(two.counters["database"].totals["connections"]) >= 2
    assert one.settings["env"] == {"SECRET": "(not recorded)", "MANY": "1"}
    assert (tmp_path / "prepared").exists()
    written = "".join(path.read_text() for path in folder.rglob("*") if path.suffix != ".gz")
    assert KEY not in written
    assert "nobody-sees-this" not in written
    assert database_url not in written


def servers(trial):
    return [process for process in trial.processes if process.party == "server"]


def test_a_command_is_enough(tmp_path, monkeypatch):
    command = COMMAND.replace("{workers}", "1")
    run = swept(monkeypatch, "--command", command, "--workers", "1", "--results", str(tmp_path))
    assert run.code == 0, run.err
    (folder,) = tmp_path.iterdir()
    (trial,) = jsonlines.completed(folder)
    assert trial.label == "service"
    assert not trial.knows_slots


def test_a_service_that_does_not_start_shows_why(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    words = ("--command", "python -m no_such_module {port}", "--workers", "1")
    assert main(["sweep", *words, *SHORT, "--results", str(tmp_path)]) == 2
    assert "No module named no_such_module" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "said"), [
    (["--command", "uvicorn app:app"], "has no {port}"),
    (["--command", "x {port}", "--workers", "1,2"], "write {workers} where it is started"),
    (["--command", "x {port}", "--workers", "1", "--db-rtt", "2ms"], "cannot move the database"),
    (["--command", "x {port}", "--database", "postgresql://me:secret@db/x"], "password in it"),
    (["django", "--ready", "/health"], "--ready belongs to --command"),
    ([], "name what to measure"),
    (["nothing.toml"], "cannot read nothing.toml"),
    (["http://me:secret@127.0.0.1:9"], "the address holds a name or password"),
    (["http://127.0.0.1:9", "--load", "--api-key secret"], "LOCUST_API_KEY"),
    (["http://127.0.0.1:9", "--load", "--ap secret"], "LOCUST_API_KEY"),
    (["http://127.0.0.1:9", "--load", "--auth-header 'X-Key: secret7'"], "LOCUST_API_KEY"),
    (["http://127.0.0.1:9", "--load", "--auth='X-Key: Token secret'"], "LOCUST_API_KEY"),
])  # fmt: skip
def test_what_cannot_be_is_one_line_before_anything_starts(
    tmp_path, capsys, monkeypatch, words, said
):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert main(["sweep", *words, "--results", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "secret" not in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "said"), [
    ("name = 'x'", "give command, such as"),
    ("command = 'x {port}'\nport = '1'", "no 'port' is known"),
    ("command = 'x {port}'\nenv = {A = 1}", "give text in quotation marks"),
    ("command = 'x {port}'\nready = 'health'", "give a path"),
    ("command =", "Invalid value"),
])  # fmt: skip
def test_a_wrong_file_is_named_with_what_to_mend(tmp_path, text, said):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(LabError, match=said) as caught:
        services.read(tmp_path / "mine.toml")
    assert "mine.toml" in str(caught.value)


def test_a_variable_that_is_not_there_is_named(monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(LabError, match=r"\$NOWHERE is not in the environment"):
        Service("x {port}", env={"KEY": "$NOWHERE"}).environment()


def test_options_that_do_not_fit_are_one_line_that_names_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    with serving_flask(notes()) as url:
        load = "--base-path /notes --trailing-slash no --list-field ."
        assert main(["run", url, "--load", load, "--results", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("lab: ")]
    assert line.startswith(f"lab: GET {url}/notes?limit=20: list is longer than the page size")
    assert "change --list-query" in line


BEHIND = f"""
import os, signal, subprocess, sys, time
stub = subprocess.Popen([sys.executable, {str(STUB)!r}, sys.argv[1], "1"], start_new_session=True)
print(stub.pid, flush=True)
"""


def shell(script: str) -> str:
    """Return a command that runs a shell's script, in which `$1` is the port."""
    return f"sh -c {shlex.quote(script)} shell {{port}}"


@pytest.fixture
def container(tmp_path):
    """A command whose service is no process of its own, as a container's is none."""
    script, number = tmp_path / "client.py", tmp_path / "pid"
    script.write_text(BEHIND)
    client, told = shlex.quote(str(script)), shlex.quote(str(number))
    started = f'{PYTHON} {client} "$1" > {told}; exec sleep 60'
    yield shell(started)
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(int(number.read_text()), signal.SIGKILL)


def test_a_service_in_a_container_is_not_said_to_be_pinned_capped_or_measured(container, tmp_path):
    service = Service(container)
    target = Target("service", service.words, service=service)
    with serving(target, "", log=tmp_path / "log") as server:
        assert server.program
        assert server.pid is None
    cap = Enforced(Placement(), ("server on core 0", "cap of 1 CPU enforced"),
                   {"cpu": True, "memory": None})  # fmt: skip
    said = _cap(cap, server)
    assert (said.cpu, said.memory) == (False, None)
    assert "server on core 0" not in said.sentences
    assert "what answers is no process of the command" in said.sentences[0]


def test_a_process_of_a_service_that_left_its_group_is_ended_too(tmp_path):
    script = tmp_path / "apart.py"
    script.write_text(f"{BEHIND}\ntime.sleep(600)")
    service = Service(f"{PYTHON} {shlex.quote(str(script))} {{port}}")
    target = Target("service", service.words, service=service)
    with serving(target, "", log=tmp_path / "log") as server:
        assert server.pid
        (apart,) = psutil.Process(server.pid).children()
        assert os.getpgid(apart.pid) != os.getpgid(server.pid)
    psutil.wait_procs([apart], timeout=5)
    assert not apart.is_running()


BACKGROUND = """\
import os, sys, time
for _ in range(2):  # as daemons do
    if os.fork():
        os._exit(0)
    os.setsid()
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""


def test_what_sends_itself_to_the_background_is_told_to_stay_and_ended(tmp_path):
    script, pid = tmp_path / "background.py", tmp_path / "pid"
    script.write_text(BACKGROUND)
    words = (PYTHON, shlex.quote(str(script)), shlex.quote(str(pid)), '"$1"')
    service = Service(shell(f"{' '.join(words)}; sleep 1"))
    target = Target("service", service.words, service=service)
    with (
        pytest.raises(LabError, match=r"exit code 0 while starting \(it has to stay"),
        serving(target, "", log=tmp_path / "log"),
    ):
        pass
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_service_that_listens_for_version_6_only_is_found(tmp_path):
    script = tmp_path / "six.py"
    script.write_text(
        "import http.server, socket, sys\n"
        "http.server.HTTPServer.address_family = socket.AF_INET6\n"
        "place = ('::1', int(sys.argv[1]))\n"
        "http.server.HTTPServer(place, http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    service = Service(f"{PYTHON} {shlex.quote(str(script))} {{port}}")
    target = Target("service", service.words, ready="", service=service)
    with serving(target, "", log=tmp_path / "log") as server:
        assert server.url.startswith("http://[::1]:")
        assert server.pid


def test_a_command_whose_lab_is_gone_is_not_begun(tmp_path):
    words = ["--parent", str(os.getpid() + 1), "--", "touch", str(tmp_path / "begun")]
    run = subprocess.run(
        [sys.executable, "-m", "lab.running.launch", *words], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr.strip()) == (1, "the lab has ended")
    assert not (tmp_path / "begun").exists()


def test_words_with_blanks_are_recorded_as_they_are_typed():
    service = Service("sh -c 'exec serve --port {port}'")
    target = Target("service", service.words, service=service)
    assert settings(target, 1, 4, {})["command"] == "sh -c 'exec serve --port {port}'"
