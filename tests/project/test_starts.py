"""What the start refuses, in one line each, and where the service that starts listens."""

import json
import os
import runpy
import shutil
import socket
import subprocess

import pytest

from drf_speedups.worker import BufferedWorker
from tests.project.production import PRODUCTION, ROOT, run, run_anew
from tests.project.test_gunicorn import GUNICORN
from tests.test_layout import read_names

ADDRESSES = """
import os, runpy, sys
for os.environ["BIND_ADDRESS"] in sys.argv[1:]:
    print(runpy.run_path("gunicorn.conf.py")["bind"])
"""
ROOM = """
import runpy
from drf_speedups.server import container
container.memory = lambda: 512 * 2**20
runpy.run_path("gunicorn.conf.py")
from drf_speedups.worker import BufferedWorker
print(BufferedWorker.MOST_SPOOLED)
"""
MEANT = {  # as a template or an editor of another system leaves it
    "BIND_ADDRESS": " 127.0.0.1\r", "PORT": "8001 \r", "WEB_CONCURRENCY": "3\r",
    "GUNICORN_WORKER_CLASS": "gthread ", "GUNICORN_THREADS": "\t4", "LOG_LEVEL": " warning",
    "MAX_WAIT_SECONDS": "0.5 ", "FORWARDED_ALLOW_IPS": " ::1\r",
}  # fmt: skip
PADDED = """
import runpy
read = runpy.run_path("gunicorn.conf.py")
names = ("bind", "workers", "worker_class", "threads", "loglevel")
waits = read["BufferedWorker"].LONGEST_WAIT
print(*[read[name] for name in names], waits, read["forwarded_allow_ips"])
"""
CLASS_ON_MACOS = """
import runpy, select
for name in [name for name in dir(select) if name.lower().startswith("epoll")]:
    delattr(select, name)
read = runpy.run_path("gunicorn.conf.py")
print(read["worker_class"], read["threads"])
"""
SHOWING = """#!/bin/sh
[ "$1" = manage.py ] || exit 0
case "$*" in *SECRET_KEY=*) echo "a secret for whoever lists processes";; esac
echo "$2 $DATABASE_URL$DATABASE_URL_FILE$DJANGO_SETTINGS_MODULE$PYTHONPATH$DJANGO_DEBUG"
"""
TRUSTED = """
import runpy
from gunicorn.config import Config
from gunicorn.http.message import _ip_in_allow_list
cfg = Config()
cfg.set("forwarded_allow_ips", runpy.run_path("gunicorn.conf.py")["forwarded_allow_ips"])
for one in ("10.1.2.3", "::ffff:10.1.2.3", "::1", "11.0.0.1", "::ffff:11.0.0.1", "::10.1.2.3"):
    print(_ip_in_allow_list(one, cfg.forwarded_allow_ips, cfg.forwarded_allow_networks()))
"""
WORDS = """
import json, runpy, socket, sys
runpy.run_path("gunicorn.conf.py")
from gunicorn import util
for status, message in json.loads(sys.argv[1]):
    client, server = socket.socketpair()
    util.write_error(server, status, "", message)
    print(json.loads(client.recv(4096).partition(b"\\r\\n\\r\\n")[2])["detail"])
"""


@pytest.fixture
def refusal(monkeypatch, capsys):
    """Returns the one line with which gunicorn's settings refuse to be read."""
    monkeypatch.setattr(BufferedWorker, "LARGEST_BODY", BufferedWorker.LARGEST_BODY)

    def refusal(name: str, value: str) -> str:
        monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "gunicorn.conf.py"))
        assert ended.value.code == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return str(err)

    return refusal


@pytest.mark.parametrize(("name", "value", "line"), [
    ("BIND_ADDRESS", "localhost", "BIND_ADDRESS is 'localhost', allowed are addresses such as"),
    ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY is '0', allowed are whole numbers from 1 to 1024"),
    ("GUNICORN_WORKER_CLASS", "fast", "GUNICORN_WORKER_CLASS is 'fast', allowed are drf_speedups."),
    ("MAX_WAIT_SECONDS", "soon", "MAX_WAIT_SECONDS is 'soon', allowed are seconds such as 1 or"),
    ("MAX_BODY_BYTES", "1MB", "MAX_BODY_BYTES is '1MB', allowed are whole numbers from 1"),
])  # fmt: skip
def test_a_wrong_value_is_refused_in_one_line(refusal, name, value, line):
    assert refusal(name, value).startswith(line)


@pytest.mark.parametrize("name", sorted(read_names("gunicorn.conf.py")))
def test_a_file_for_what_gunicorn_reads_is_refused_and_not_passed_over(refusal, name):
    line = f"{name}_FILE is '/run/x', allowed are none: gunicorn reads {name}\n"
    assert refusal(f"{name}_FILE", "/run/x") == line


def test_blanks_around_what_gunicorn_reads_are_no_part_of_it_either():
    ended = run("-c", PADDED, **MEANT)
    assert ended.stdout.split() == ["127.0.0.1:8001", "3", "gthread", "4", "warning", "0.5", "::1"]


def test_a_name_that_only_begins_like_gunicorns_own_is_none_of_ours():
    """Kubernetes makes GUNICORN_PORT for a service called gunicorn, of all pods beside it."""
    ended = run("-c", ADDRESSES, "127.0.0.1", GUNICORN_PORT="tcp://10.0.0.1:80", PORT="8001")
    assert ended.stdout == "127.0.0.1:8001\n"


@pytest.mark.parametrize(("name", "value", "line"), [
    ("DATABASE_URL", "", "DATABASE_URL is missing: "),  # in the settings
    ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', allowed are DEBUG, "),  # in both
    ("PORT", "65536", "PORT is '65536', allowed are whole numbers from 1 to 65535"),
])  # fmt: skip
def test_a_wrong_setting_stops_the_start_with_one_line_and_no_new_attempt(name, value, line):
    ended = run(*GUNICORN, **{**PRODUCTION, "LOG_LEVEL": "WARNING", name: value})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(line)


@pytest.mark.parametrize(("given", "line"), [
    ("--reload", "--reload is 'on', allowed are none: the master loads the code once"),
    ("--worker-class=asgi", "the worker class is 'asgi', allowed are drf_speedups.worker."),
    # It changes locks that are there already: a probe would wait for one until it is killed.
    ("--worker-class=gevent", "the worker class is 'gevent', allowed are drf_speedups.worker."),
])  # fmt: skip
def test_an_option_of_gunicorn_that_cannot_act_stops_the_start_with_one_line(given, line):
    ended = run(*GUNICORN, given, **{**PRODUCTION, "LOG_LEVEL": "WARNING"})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(line)


@pytest.mark.parametrize(("name", "value", "line"), [
    ("WEB_CONCURRENCY", "many", "WEB_CONCURRENCY is 'many', allowed are whole numbers from 1 to"),
    ("WEB_CONCURRENCY", "-1", "WEB_CONCURRENCY is '-1', allowed are whole numbers from 1 to 1024"),
    ("FORWARDED_ALLOW_IPS", "proxy", "FORWARDED_ALLOW_IPS is 'proxy', allowed are addresses and"),
])  # fmt: skip
@pytest.mark.parametrize("application", ["project.wsgi", "project.wsgi:application"])
def test_what_gunicorn_reads_before_us_stops_the_start_with_one_line_too(
    application, name, value, line
):
    ended = run_anew(*GUNICORN[:-1], application, **PRODUCTION, **{name: value})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith(line)


def test_gunicorns_own_log_level_is_heard(tmp_path):
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        for level, lines in (("info", 1), ("warning", 0)):
            ended = run(*GUNICORN, "--log-level", level, **{**PRODUCTION, "PORT": port})
            assert ended.stdout.count("Starting gunicorn") == lines


def test_a_busy_port_stops_the_start_with_one_line():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(*GUNICORN, **{**PRODUCTION, "LOG_LEVEL": "WARNING", "PORT": str(port)})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"port {port} is in use: stop what listens there, or set PORT\n"


def test_what_the_worker_says_is_told_and_what_a_client_has_sent_is_not_repeated():
    ours = [
        (503, "Shutting down."), (503, "No room for the body."), (503, "All workers are busy."),
        (400, "The body is shorter than announced."),
    ]  # fmt: skip
    others = [(400, "Invalid Header: 'open-sesame'"), (503, "open-sesame")]
    ended = run("-c", WORDS, json.dumps([*ours, *others]))
    general = ["The server could not read this request.", "All workers are busy."]
    assert ended.stdout.splitlines() == [*[words for _, words in ours], *general]


def test_an_address_of_another_machine_stops_the_start_with_one_line():
    elsewhere = {"BIND_ADDRESS": "192.0.2.1", "PORT": "8000", "LOG_LEVEL": "WARNING"}
    ended = run(*GUNICORN, **{**PRODUCTION, **elsewhere})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "BIND_ADDRESS is '192.0.2.1', which is no address of this machine\n"


def test_what_waits_in_files_leaves_the_workers_their_memory_where_files_are_memory():
    ended = run("-c", ROOM, WEB_CONCURRENCY="2")
    assert int(ended.stdout) * 2 <= 512 * 2**20 // 4


@pytest.mark.parametrize(
    ("given", "others"), [("10.0.0.0/8, ::1", "False"), ("10.1.2.3,::1", "False"), ("*", "True")]
)
def test_a_proxy_is_believed_also_where_ipv6_is_listened_at(given, others):
    """There the address of IPv4 comes as one of IPv6."""
    ended = run("-c", TRUSTED, FORWARDED_ALLOW_IPS=given)
    assert ended.stdout.split() == ["True"] * 3 + [others] * 3


def test_it_listens_where_it_is_told():
    ended = run("-c", ADDRESSES, "", "127.0.0.1", "::", "::1")
    assert ended.stdout.split() == ["0.0.0.0:8000", "127.0.0.1:8000", "[::]:8000", "[::1]:8000"]


def test_without_epoll_it_serves_by_threads():
    ended = run("-c", CLASS_ON_MACOS)
    assert ended.stdout.split() == ["gthread", "2"]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_serve_takes_nothing_that_the_shell_has_for_another_project(tmp_path):
    python = tmp_path / "python"
    python.write_text(SHOWING)
    python.chmod(0o755)
    names = ("DATABASE_URL", "DATABASE_URL_FILE", "DJANGO_SETTINGS_MODULE", "PYTHONPATH")
    theirs = {**dict.fromkeys(names, "another"), "DJANGO_DEBUG": "0"}
    mine = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    said = subprocess.run(
        ["make", "-s", "serve", f"RUN={python}"], cwd=ROOT, env=mine | theirs,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.splitlines() == [f"{one} 1" for one in ("migrate", "seed", "postgres")]
