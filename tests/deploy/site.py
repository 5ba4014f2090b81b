"""A whole site on hosts of its own: database, two instances behind HAProxy, and their users."""

import contextlib
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab import ROOT
from lab.running.processes import Program
from tests.deploy.hosts import NETWORK, Host, Network, network
from tests.faults.cluster import ROLE, Cluster, cluster
from tests.faults.ledger import Ledger
from tests.faults.load import Answer
from tests.faults.stage import IMPATIENT, TABLE
from tests.project.production import PRODUCTION

HOSTS = ("db", "web1", "web2", "proxy", "load", "load1", "load2")
WEB = ("web1", "web2")
GUNICORN = (sys.executable, "-m", "gunicorn", "project.wsgi")


def haproxy() -> str | None:
    """Return the program, if it is installed."""
    return shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass
class Site:
    """All hosts and what runs on them."""

    network: Network
    hosts: dict[str, Host]
    cluster: Cluster
    folder: Path
    instances: dict[str, tuple[Program, contextlib.ExitStack]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return where users find the service."""
        return f"http://{self.hosts['proxy'].address}:8080"

    # Instances

    @property
    def environment(self) -> dict[str, str]:
        """Return what an instance is started with."""
        return PRODUCTION | {
            "DATABASE_URL": f"postgresql://{ROLE}@{self.hosts['db'].address}/crud?{IMPATIENT}",
            "DJANGO_ALLOWED_HOSTS": self.hosts["proxy"].address,
            "API_AUTH": "none",
            "WEB_CONCURRENCY": "2",
            "LOG_LEVEL": "WARNING",
            "MAX_WAIT_SECONDS": "0",  # seven hosts share this machine's cores
        }

    def start(self, name: str) -> None:
        """Start an instance and wait until it is ready."""
        host, stack = self.hosts[name], contextlib.ExitStack()
        log, env = self.folder / f"{name}.log", self.environment
        started = stack.enter_context(host.running(GUNICORN, log, env))
        self.instances[name] = started, stack
        host.wait_for(f"http://{host.address}:8000/readyz")

    def stop(self, name: str) -> int | None:
        """Ask an instance to end; return its exit code."""
        started, stack = self.instances.pop(name)
        os.kill(started.pid, signal.SIGTERM)
        code = started.wait(15)
        stack.close()
        return code

    def lose(self, name: str) -> None:
        """End all processes of an instance at once."""
        started, stack = self.instances.pop(name)
        os.killpg(started.pid, signal.SIGKILL)
        stack.close()

    # HAProxy

    def balance(self, name: str, state: str) -> None:
        """Give an instance no new requests (`drain`), or requests again (`ready`)."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(f"set server items/{name} state {state}\n".encode())
            assert admin.recv(1000).strip() == b""

    def _configure(self) -> Path:
        """Write the deployed settings with the addresses of these hosts."""
        text = (ROOT / "deploy" / "haproxy.cfg").read_text()
        for name in WEB:
            text = text.replace(f" {name}:8000", f" {self.hosts[name].address}:8000")
        text = text.replace("bind :8080", f"bind {self.hosts['proxy'].address}:8080")
        text = text.replace("/run/haproxy/admin.sock", str(self.folder / "admin.sock"))
        path = self.folder / "haproxy.cfg"
        path.write_text(text)
        return path

    # The database

    @contextlib.contextmanager
    def database(self) -> Iterator[None]:
        """Run the cluster's server on its host, where the others reach it."""
        self.cluster.stop()
        host, files = self.hosts["db"], self.cluster.server
        with (files.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all {ROLE} {NETWORK}.0/24 trust\n")
        words = [
            *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
            *(files.programs() / "postgres", "-D", files.data),
            *("-c", f"listen_addresses={host.address}", "-c", "max_connections=50"),
            *("-c", f"unix_socket_directories={files.socket_folder}"),
        ]
        with host.running(words, self.folder / "db.log"):
            self._wait_for_the_database()
            yield

    def _wait_for_the_database(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                self.cluster.admin("SELECT 1")
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "db.log").read_text())

    # Users

    @contextlib.contextmanager
    def users(self, clients: int = 6) -> Iterator["Users"]:
        """Let users create, read, change and delete through the proxy until the block ends."""
        self.cluster.admin("TRUNCATE crud_item")
        file = self.folder / "sent"
        words = (sys.executable, "-m", "tests.deploy.ledger_load", self.url, clients, file)
        sending = subprocess.Popen(
            self.hosts["load"].command(*words),
            cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        users = Users()
        try:
            yield users
        finally:
            try:
                sending.communicate(timeout=40)
            finally:
                sending.kill()
        users.ledger, users.answers, users.wrong = pickle.loads(file.read_bytes())
        users.wrong += users.ledger.faults(
            [(key, name, quantity) for key, name, quantity in self.cluster.admin(TABLE)]
        )


@dataclass
class Users:
    """What users have met; complete when their block has ended."""

    ledger: Ledger = field(default_factory=Ledger)
    answers: list[Answer] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # what was read or stands in the table

    def failures(self, since: float = 0.0) -> list[str]:
        """Return what was no success, from a moment (monotonic seconds) on."""
        return [
            f"{answer.method} {answer.status} {answer.problem[:200]}"
            for answer in self.answers
            if not answer.good and answer.ended > since
        ]


@contextlib.contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Build the whole site; take it down when the block ends."""
    with contextlib.ExitStack() as stack:
        made, hosts = stack.enter_context(network(*HOSTS))
        own = stack.enter_context(cluster("hosts"))
        whole = Site(made, {host.name: host for host in hosts}, own, folder)
        stack.enter_context(whole.database())
        stack.callback(lambda: [whole.stop(name) for name in list(whole.instances)])
        for name in WEB:
            whole.start(name)
        words = (haproxy(), "-db", "-f", whole._configure())
        stack.enter_context(whole.hosts["proxy"].running(words, folder / "haproxy.log"))
        whole.hosts["load"].wait_for(f"{whole.url}/items/?limit=1")
        yield whole


def requests_of(log: str) -> tuple[int, int]:
    """Return requests and failures of a Locust master's last table."""
    totals = re.findall(r"Aggregated\s+(\d+)\s+(\d+)\(", log)
    assert totals, log[-2000:]
    return int(totals[-1][0]), int(totals[-1][1])
