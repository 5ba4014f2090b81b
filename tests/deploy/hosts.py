"""Several hosts on one machine: network namespaces with addresses of their own on one switch.

The addresses are of RFC 2544's range for benchmarks and exist in these namespaces only: no packet
can leave them, and what runs outside cannot be reached from inside.
"""

import contextlib
import functools
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.running.processes import Program, program

NETWORK = "198.18.0"


def may_make_hosts() -> bool:
    """Tell whether this process may make network namespaces."""
    if os.geteuid() != 0:
        return False
    name = f"probe-{uuid.uuid4().hex[:8]}"
    try:
        if _try("ip", "netns", "add", name):
            return False
    except OSError:
        return False
    return not _try("ip", "netns", "delete", name)


def _try(*words: str) -> int:
    return subprocess.run(words, capture_output=True, check=False).returncode


@dataclass(frozen=True)
class Host:
    """One namespace; `address` is its only one besides loopback."""

    name: str
    number: int
    network: str

    @property
    def namespace(self) -> str:
        """Return its name for `ip netns`."""
        return f"{self.network}-{self.name}"

    @property
    def address(self) -> str:
        """Return its IPv4 address."""
        return f"{NETWORK}.{self.number}"

    @property
    def port_of_the_switch(self) -> str:
        """Return the switch's end of its cable."""
        return f"port{self.number}"

    def command(self, *words: object) -> list[str]:
        """Return the words that run a command on it."""
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    @contextlib.contextmanager
    def running(
        self, words: Sequence[object], log: Path, env: dict[str, str] | None = None
    ) -> Iterator[Program]:
        """Run a program on it until the block ends."""
        with program(self.command(*words), log=log, env=env or {}) as started:
            yield started

    def status_of(self, url: str) -> str:
        """Return the status of a GET from here, or what went wrong."""
        asking = (
            "import sys, urllib.request as u, urllib.error as e\n"
            "try: print(u.urlopen(sys.argv[1], timeout=2).status)\n"
            "except e.HTTPError as error: print(error.code)\n"
            "except OSError as error: print(error)"
        )
        said = subprocess.run(
            self.command(sys.executable, "-c", asking, url),
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        return said.stdout.strip()

    def wait_for(self, url: str, seconds: float = 20) -> None:
        """Wait until a GET from here is answered with 200."""
        deadline = time.monotonic() + seconds
        while (said := self.status_of(url)) != "200":
            assert time.monotonic() < deadline, f"{url}: {said}"
            time.sleep(0.05)


@dataclass
class Network:
    """A switch, in a namespace of its own, and the hosts at it."""

    name: str = field(default_factory=lambda: f"dul{uuid.uuid4().hex[:6]}")
    hosts: list[Host] = field(default_factory=list)

    @functools.cached_property
    def switch(self) -> str:
        """Return the name of the switch's namespace."""
        return f"{self.name}-switch"

    def build(self, *names: str) -> list[Host]:
        """Make the switch and a host of each name."""
        _ip("netns", "add", self.switch)
        self._on_switch("link", "add", "bridge", "type", "bridge")
        self._on_switch("link", "set", "bridge", "up")
        for number, name in enumerate(names, start=2):
            self._plug_in(Host(name, number, self.name))
        return self.hosts

    def _plug_in(self, host: Host) -> None:
        self.hosts.append(host)
        _ip("netns", "add", host.namespace)
        port = host.port_of_the_switch
        self._on_switch(
            *("link", "add", port, "type", "veth", "peer", "name", "eth0"),
            *("netns", host.namespace),
        )
        self._on_switch("link", "set", port, "master", "bridge", "up")
        inside = ("-n", host.namespace)
        _ip(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
        _ip(*inside, "link", "set", "eth0", "up")
        _ip(*inside, "link", "set", "lo", "up")

    def unplug(self, host: Host) -> None:
        """Let every packet from and to a host vanish; it does not notice."""
        self._on_switch("link", "set", host.port_of_the_switch, "nomaster")

    def plug_in_again(self, host: Host) -> None:
        """Let packets through again."""
        self._on_switch("link", "set", host.port_of_the_switch, "master", "bridge")

    def remove(self) -> None:
        """Leave nothing behind."""
        for name in [*(host.namespace for host in self.hosts), self.switch]:
            _try("ip", "netns", "delete", name)

    def _on_switch(self, *words: str) -> None:
        _ip("-n", self.switch, *words)


def _ip(*words: str) -> None:
    said = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert said.returncode == 0, f"ip {' '.join(words)}: {said.stderr}"


@contextlib.contextmanager
def network(*names: str) -> Iterator[tuple[Network, list[Host]]]:
    """Make hosts of these names until the block ends."""
    made = Network()
    try:
        yield made, made.build(*names)
    finally:
        made.remove()
