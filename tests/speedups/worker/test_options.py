"""What may be set, and what is refused at the start in one line."""

import socket
import sys
import tempfile

import pytest
from gunicorn.config import Config

from drf_speedups.worker import BufferedWorker, options
from lab.running.processes import program
from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import answering
from tests.speedups.worker.serving import inside, talk


class Log:
    def __init__(self):
        self.lines = []

    def error(self, message, *values):
        self.lines.append(message % values)


def refused(**settings):
    """Return the line in which a start with these settings is refused."""
    cfg, log = Config(), Log()
    for name, value in settings.items():
        cfg.set(name, value)
    with pytest.raises(SystemExit) as ended:
        BufferedWorker.check_config(cfg, log)
    assert ended.value.code == 2
    (line,) = log.lines
    return line


def test_every_option_may_be_set_in_the_environment(monkeypatch):
    values = {"LARGEST_BODY": "10", "MOST_HELD": "20", "MOST_SPOOLED": "30", "LEAST_RATE": "40",
              "LONGEST_WAIT": "0.5", "LONG_ANSWER": "6", "NEVER_REFUSED": "/a, /b"}  # fmt: skip
    assert values.keys() == options.READERS.keys()
    for name, value in values.items():
        assert hasattr(BufferedWorker, name)
        monkeypatch.setenv(f"BUFFERED_{name}", value)
    post = head("POST / HTTP/1.1", HOST, "Content-Length: 11", body=b"x" * 11)
    with inside(answering([b"a"])) as served:
        assert served.worker.LONGEST_WAIT == 0.5
        assert {"/a", "/b"} == served.worker.NEVER_REFUSED
        assert talk(served.address, post).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("name", "value"), [
    ("LARGEST_BODY", "10M"), ("LARGEST_BODY", "0"), ("MOST_HELD", "-1"), ("LEAST_RATE", "1.5"),
    ("LONGEST_WAIT", "soon"), ("LONG_ANSWER", "nan"), ("NEVER_REFUSED", "livez"),
])  # fmt: skip
def test_a_wrong_value_ends_the_start_with_a_line_that_names_it(monkeypatch, name, value):
    monkeypatch.setenv(f"BUFFERED_{name}", value)
    assert refused().startswith(f"BUFFERED_{name} is {value!r}, allowed are ")


def test_an_empty_value_is_none(monkeypatch):
    monkeypatch.setenv("BUFFERED_LARGEST_BODY", "")
    assert options.from_environment() == {}


@pytest.mark.parametrize(("setting", "value", "named"), [
    ("threads", 4, "4 threads (it is one)"),
    ("http2_cleartext", "upgrade", "http2_cleartext"),
    ("http_parser", "fast", "http_parser fast"),
])  # fmt: skip
def test_an_option_that_cannot_act_is_refused(setting, value, named):
    line = refused(**{setting: value})
    assert line == f"BufferedWorker cannot serve {named}: use worker_class gthread"


def test_a_worker_that_may_hold_no_connection_is_refused():
    assert refused(worker_connections=0).startswith("worker_connections is 0, allowed are numbers")


def test_bodies_that_memory_cannot_hold_need_a_folder_for_files(monkeypatch):
    def refuse(**named):
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(BufferedWorker, "LARGEST_BODY", BufferedWorker.MOST_HELD + 1)
    BufferedWorker.check_config(Config(), Log())
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert "set TMPDIR" in refused()


def test_a_project_without_our_configuration_sets_all_on_the_command_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    command = (sys.executable, "-m", "gunicorn", "-k", "drf_speedups.worker.BufferedWorker",
               "-c", "/dev/null", "--env", "BUFFERED_LARGEST_BODY=many", "--no-control-socket",
               "-b", f"127.0.0.1:{address[1]}",
               "tests.speedups.worker.applications:simple")  # fmt: skip
    with program(command, log=tmp_path / "log", env={}) as started:
        assert started.wait(20) == 2
        assert "BUFFERED_LARGEST_BODY is 'many', allowed are" in started.last_lines()
