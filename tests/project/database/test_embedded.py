"""The embedded PostgreSQL's life among several processes, each of which may be killed."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from project.database.embedded import Server
from tests.project.database.embedding import HOLD, answers, copied, first_line, postmaster, using
from tests.project.production import PRODUCTION, ROOT, run

MANAGE = """
import os, sys
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
import project.database.embedded
project.database.embedded.SERVER = project.database.embedded.Server(Path(sys.argv.pop(1)))
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
UNBURIED = """
import ctypes, os, signal, sys, time
from pathlib import Path
import psutil, psycopg
from project.database.embedded import Server
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h: what the server leaves behind is left to us
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
server = Server(Path(sys.argv[1]))
server.hold()
killed = psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))
killed.send_signal(signal.SIGKILL)
while killed.status() != psutil.STATUS_ZOMBIE:
    time.sleep(0.01)
print(killed.status(), server.running())
server.release()
server.hold()
print(psycopg.connect(server.url()).execute("SELECT 1").fetchone())
"""
ASKS = HOLD.replace("input()", "")
ASKS += "import psycopg; print(psycopg.connect(server.url()).execute('SELECT 1').fetchone())"
UNCONFIGURED = """
import django.core.management, manage
from django.core.exceptions import ImproperlyConfigured
def refuse(argv):
    raise ImproperlyConfigured("pg_ctl failed:\\nno room")
django.core.management.execute_from_command_line = refuse
manage.main()
"""


def test_two_processes_share_it_and_the_last_one_stops_it(server):
    with using(server):
        with using(server):
            assert answers(server.url())
        assert server.running()
    assert not server.running()


@pytest.mark.parametrize(("name", "value"), [
    ("PGHOSTADDR", "192.0.2.1"), ("PGSERVICE", "shop"), ("PGREQUIREAUTH", "scram-sha-256"),
])  # fmt: skip
def test_what_a_shell_has_for_another_server_leads_nobody_there(server, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", ASKS, str(server.home)]
    asked = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert asked.stdout.endswith("\n(1,)\n"), asked.stderr


def test_a_shell_whose_port_is_another_servers_shares_it_too(server, monkeypatch):
    monkeypatch.setenv("PGPORT", "5433")
    with using(server):
        monkeypatch.delenv("PGPORT")
        assert answers(server.url())


def test_commands_that_start_at_once_start_one_server(server):
    command = [sys.executable, "-c", HOLD, str(server.home)]
    with ExitStack() as stack:
        users = [
            stack.enter_context(
                subprocess.Popen(
                    command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            for _ in range(3)
        ]
        assert [first_line(user) for user in users] == [server.url()] * 3
        for user in users:
            user.communicate("\n", timeout=60)
    assert [user.returncode for user in users] == [0, 0, 0]


def test_a_server_left_by_a_killed_process_is_used_and_stopped_by_the_next(server):
    with using(server) as user:
        user.kill()
        user.wait()
        first = postmaster(server).pid
    assert server.running()
    with using(server):
        assert postmaster(server).pid == first


def test_a_killed_server_is_no_trouble_for_its_user_nor_for_the_next_start(server):
    with using(server) as user:
        postmaster(server).kill()
        user.communicate("\n", timeout=60)
        assert user.returncode == 0
    with using(server):
        assert answers(server.url())


def test_a_killed_server_that_nobody_buries_is_no_trouble_either(cluster, open_folder):
    own = copied(cluster, open_folder / "unburied")
    done = subprocess.run(
        [sys.executable, "-c", UNBURIED, str(own.home)], cwd=ROOT,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["zombie", "False", "(1,)"]


def test_started_by_hand_it_runs_until_stopped_by_hand(server, manage):
    assert manage(server, "start") == (0, f"{server.url()}\n", "")
    with using(server):
        pass
    assert manage(server, "status") == (0, f"running {server.url()}\n", "")
    assert manage(server, "stop").code == 0
    assert manage(server, "status") == (3, "stopped\n", "")


def test_exec_hands_the_url_on_and_the_exit_code_back(server):
    words = ("postgres", "exec", "--", "sh", "-c", 'echo "$DATABASE_URL"; exit 7')
    ended = run("-c", MANAGE, str(server.home), *words, DJANGO_DEBUG="1")
    assert (ended.returncode, ended.stdout) == (7, f"{server.url()}\n")
    ended = run("-c", MANAGE, str(server.home), *words[:3], "no-such-program", DJANGO_DEBUG="1")
    assert ended.returncode == 1
    assert ended.stderr == "CommandError: cannot run no-such-program: No such file or directory\n"


def test_exec_without_a_command_says_what_to_write(server, manage):
    assert manage(server, "exec") == (
        1, "", "name a command: manage.py postgres exec -- gunicorn project.wsgi"
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_exec_ends_its_command_and_lets_go_of_the_server(server, number):
    words = ("postgres", "exec", "--", "sh", "-c", "echo ready; exec sleep 60")
    with subprocess.Popen(
        [sys.executable, "-c", MANAGE, str(server.home), *words],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, env=os.environ | {"DJANGO_DEBUG": "1"},
    ) as command:  # fmt: skip
        assert first_line(command) == "ready"
        command.send_signal(number)
        assert command.wait(60) == 256 - signal.SIGTERM  # of its command


def test_dbshell_asks_this_server_and_none_that_the_machine_has(server):
    asked = ("dbshell", "--", "-Atc", "SHOW unix_socket_directories")
    ended = run("-c", MANAGE, str(server.home), *asked, DJANGO_DEBUG="1", DATABASE_URL="")
    assert (ended.returncode, ended.stdout) == (0, f"{server.socket_folder}\n")


def test_with_production_settings_it_is_refused():
    ended = run("manage.py", "postgres", "start", **PRODUCTION)
    assert ended.returncode == 1
    assert ended.stderr == (
        "CommandError: the embedded PostgreSQL is for development: set DJANGO_DEBUG=1\n"
    )


def test_an_interrupted_creation_leaves_no_half_cluster(open_folder):
    home = open_folder / "interrupted"
    command = [sys.executable, "-c", HOLD, str(home)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as user:
        while not (home / "data.unfinished" / "PG_VERSION").exists():
            assert user.poll() is None
        os.killpg(user.pid, signal.SIGKILL)
    assert not (home / "data").exists()
    with using(Server(home)):
        assert answers(Server(home).url())


def test_a_server_that_cannot_start_says_why_in_one_line(cluster, open_folder, manage):
    broken = copied(cluster, open_folder / "broken")
    with (broken.data / "postgresql.auto.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    ended = manage(broken, "start")
    assert ended.code == 1
    assert "\n" not in ended.err
    assert "FATAL" in ended.err


def test_of_what_a_program_says_the_line_with_the_reason_is_told(open_folder):
    """As initdb ends on a full disk."""
    said = "ok\n[7] FATAL:  could not extend file: No space left on device\n[7] HINT:  Check\n"
    said += "child process exited with exit code 1\ninitdb: removing data directory\n"
    failed = subprocess.CompletedProcess((), 1, "", said)
    assert Server(open_folder)._reason(failed).startswith("[7] FATAL:  could not extend file: No")


def test_manage_py_says_in_one_line_what_is_not_as_it_should_be():
    ended = run("-c", UNCONFIGURED)
    assert (ended.returncode, ended.stderr) == (1, "manage.py: pg_ctl failed: no room\n")
