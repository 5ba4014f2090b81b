"""What the start refuses, in one line each, and where the service that starts listens."""

import runpy
import socket

import pytest

from drf_speedups.worker import BufferedWorker
from tests.project.production import PRODUCTION, ROOT, run
from tests.project.test_gunicorn import GUNICORN

ADDRESSES = """
import os, runpy, sys
for os.environ["BIND_ADDRESS"] in sys.argv[1:]:
    print(runpy.run_path("gunicorn.conf.py")["bind"])
"""
CLASS_ON_MACOS = """
import runpy, select
for name in [name for name in dir(select) if name.lower().startswith("epoll")]:
    delattr(select, name)
read = runpy.run_path("gunicorn.conf.py")
print(read["worker_class"], read["threads"])
"""


@pytest.mark.parametrize(("name", "value", "line"), [
    ("BIND_ADDRESS", "localhost", "BIND_ADDRESS is 'localhost', allowed are addresses such as"),
    ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY is '0', allowed are whole numbers from 1 to 1024"),
    ("GUNICORN_WORKER_CLASS", "fast", "GUNICORN_WORKER_CLASS is 'fast', allowed are drf_speedups."),
    ("MAX_WAIT_SECONDS", "soon", "MAX_WAIT_SECONDS is 'soon', allowed are seconds such as 1 or"),
    ("MAX_BODY_BYTES", "1MB", "MAX_BODY_BYTES is '1MB', allowed are whole numbers from 1"),
])  # fmt: skip
def test_a_wrong_value_is_refused_in_one_line(monkeypatch, capsys, name, value, line):
    monkeypatch.setattr(BufferedWorker, "LARGEST_BODY", BufferedWorker.LARGEST_BODY)
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(line)


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
    ("--worker-class=asgi", "the worker class is 'asgi', allowed are those for WSGI: "),
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
def test_what_gunicorn_reads_before_us_stops_the_start_with_one_line_too(name, value, line):
    ended = run(*GUNICORN, **PRODUCTION, **{name: value})
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


def test_it_listens_where_it_is_told():
    ended = run("-c", ADDRESSES, "", "127.0.0.1", "::", "::1")
    assert ended.stdout.split() == ["0.0.0.0:8000", "127.0.0.1:8000", "[::]:8000", "[::1]:8000"]


def test_without_epoll_it_serves_by_threads():
    ended = run("-c", CLASS_ON_MACOS)
    assert ended.stdout.split() == ["gthread", "2"]
