"""What is done to the metrics never ends the service, and ends itself."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import psutil
import pytest

from lab.running.processes import program
from lab.running.servers import Server
from project.observability import metrics_server
from tests.load.conftest import free_port
from tests.project.observability.scraping import Observed, Scrape, observed
from tests.project.observability.test_metrics import folder_of, workers
from tests.project.production import PRODUCTION, ROOT, run
from tests.project.test_gunicorn import GUNICORN
from tests.speedups.worker.serving import eventually

MANY = 300  # connections
A_WORKERS = 24  # descriptors
SMALL = 64 * 1024  # bytes of a file
CROWD = """
import os, socket, sys, threading, time
from project.observability.metrics_server import Scrapes

begun = threading.Event()

def slow(environ, start_response):  # meanwhile all others come
    begun.set()
    time.sleep(0.3)
    start_response("200 OK", [])
    return [b""]

def descriptors():
    return len(os.listdir("/proc/self/fd"))

scrapes = Scrapes(slow, "127.0.0.1", 0)
links = [socket.create_connection(("127.0.0.1", scrapes.port))]
links[0].sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
begun.wait()
links += [socket.create_connection(("127.0.0.1", scrapes.port)) for _ in range(80)]
mine, most, sent = descriptors(), 0, time.monotonic()
sys.setswitchinterval(1e-5)
while time.monotonic() < sent + 1:
    most = max(most, descriptors())
print(most - mine)
"""
NO_ROOM = """
import os, resource, sys
from prometheus_client import CollectorRegistry, generate_latest
from project.observability import exposition

files = [*exposition.FOLDER.glob("*.db")]
print(len(files), all(512 * one.stat().st_blocks >= one.stat().st_size > 0 for one in files))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
try:
    exposition.take_room(1)
except OSError:
    print("no room")
registry = CollectorRegistry()
exposition._Files(registry)
print(len(generate_latest(registry)) >= 0)
exposition.bury(1)
exposition.clear()
"""


@pytest.fixture(scope="module")
def service(database_url, tmp_path_factory) -> Iterator[Observed]:
    with observed(database_url, tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture
def own_service(database_url, tmp_path) -> Iterator[Observed]:
    """For what leaves a service other than it was."""
    with observed(database_url, tmp_path) as found:
        yield found


def master(server: Server) -> psutil.Process:
    assert server.program
    return psutil.Process(server.program.pid)


def kill_a_worker(server: Server) -> None:
    """Kill one and wait for its successor to answer."""
    victim = workers(server)[0]
    victim.kill()
    eventually(lambda: len(workers(server)) == 2 and victim not in workers(server))
    assert httpx.get(f"{server.url}/items/").status_code == 200


@contextlib.contextmanager
def connections(port: int, said: bytes, count: int = MANY) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            link = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            with contextlib.suppress(OSError):  # it had to make room already
                link.sendall(said)
        yield


@pytest.mark.django_db
@pytest.mark.parametrize("said", [b"", b"GET /metrics HT", b"GET /metrics HTTP/1.1\r\nA: b\r\n"])
def test_half_sent_requests_take_neither_threads_nor_descriptors_nor_the_scrape(service, said):
    process = master(service.server)
    threads, descriptors = process.num_threads(), process.num_fds()
    with connections(service.port, said):
        eventually(lambda: Scrape(service.port).total("worker_slots") == 2)
        assert process.num_threads() == threads
        eventually(lambda: process.num_fds() <= descriptors + metrics_server.MOST + 2)
        kill_a_worker(service.server)


@pytest.mark.django_db
@pytest.mark.parametrize("said", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n:\r\n\r\n", b"x" * 9000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\nAccept-Encoding: \xff\r\n\r\n",
])  # fmt: skip
def test_a_broken_scrape_is_its_own_only(service, said):
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as link:
        link.sendall(said)
        link.recv(1000)
    eventually(lambda: Scrape(service.port).total("worker_slots") == 2)


@pytest.mark.django_db
def test_without_its_folder_the_service_goes_on_and_new_workers_tell_again(own_service):
    shutil.rmtree(folder_of(own_service.server))
    for _ in range(2):
        kill_a_worker(own_service.server)
    eventually(lambda: Scrape(own_service.port).total("worker_slots") > 0)


@pytest.mark.django_db
def test_with_few_descriptors_those_who_scrape_leave_some_for_new_workers(own_service):
    eventually(lambda: Scrape(own_service.port).total("worker_slots") == 2)
    process = master(own_service.server)
    most = process.num_fds() + metrics_server.MOST + A_WORKERS
    process.rlimit(resource.RLIMIT_NOFILE, (most, most))
    # Of more, some would wait for seconds until the kernel lets them in.
    with connections(own_service.port, b"GET", 2 * (metrics_server.MOST + A_WORKERS)):
        kill_a_worker(own_service.server)
    assert Scrape(own_service.port).total("worker_slots")


def test_however_many_come_at_once_few_of_the_masters_descriptors_are_taken():
    assert int(run("-c", CROWD).stdout) <= metrics_server.MOST


def test_a_worker_without_room_spoils_no_scrape_and_the_dead_have_theirs():
    """Memory that turns out not to be there would end the master, which adds up the dead."""
    ended = run("-c", NO_ROOM, str(SMALL), **PRODUCTION, DJANGO_SETTINGS_MODULE="project.settings")
    assert ended.stdout.splitlines() == ["6 True", "no room", "True"], ended.stderr


@pytest.mark.django_db
def test_what_a_killed_master_left_is_tidied_up_at_the_next_start(database_url, tmp_path):
    with observed(database_url, tmp_path) as first:
        left = folder_of(first.server)
        with observed(database_url, tmp_path):
            assert left.exists()  # its master lives
        children = workers(first.server)
        os.kill(master(first.server).pid, signal.SIGKILL)
        psutil.wait_procs(children, timeout=20)
        with observed(database_url, tmp_path):  # or another test's service that starts just now
            assert not left.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start as root")
def test_workers_of_another_account_tell_their_metrics_too(tmp_path):
    port, metrics = str(free_port()), free_port()
    command = (sys.executable, *GUNICORN, "--user=nobody", "--group=nogroup", "--workers=1")
    env = PRODUCTION | {"METRICS_PORT": str(metrics), "PORT": port}
    with program(command, log=tmp_path / "log", env=env) as started:
        eventually(lambda: "Booting worker" in (tmp_path / "log").read_text())
        eventually(lambda: Scrape(metrics).total("worker_slots") == 1)
        assert started.exit_code() is None


def test_without_room_for_the_metrics_the_start_says_so_in_one_line():
    ended = subprocess.run(
        [sys.executable, *GUNICORN], cwd=ROOT, capture_output=True, text=True, check=False,
        env=PRODUCTION | {"METRICS_PORT": "0", "PORT": str(free_port()), "LOG_LEVEL": "WARNING"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL)), timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("METRICS_PORT is set, but there is no room for the metrics")
