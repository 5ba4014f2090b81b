"""Names of database hosts, resolved in threads of their own.

`getaddrinfo` knows no time limit: where a name server swallows packets it takes half a minute, in
which a worker would answer nobody. Here a connection waits for a name for a moment, and then takes
the answer of last time.
"""

import ipaddress
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError
from psycopg.pq import Conninfo

PATIENCE = 0.5  # seconds for which connections wait for an answer, counted from the question
FRESH = 5.0  # seconds for which an answer is taken without a new question


@dataclass
class Name:
    """What is known about one name."""

    host: str
    addresses: list[str] = field(default_factory=list)
    fault: str = "its name server has not answered"
    asked_at: float = float("-inf")  # monotonic seconds
    answered: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.answered.set()  # no question is under way

    def resolved(self) -> list[str]:
        """Return the addresses, those of last time if need be. Raises `OperationalError`."""
        with self.lock:
            now = time.monotonic()
            fresh = self.addresses and now - self.asked_at < FRESH
            if self.answered.is_set() and not fresh:
                self.asked_at = now
                self.answered.clear()
                threading.Thread(target=self._look_up, daemon=True).start()
        self.answered.wait(max(0.0, self.asked_at + PATIENCE - now))
        if self.addresses:
            return self.addresses
        raise OperationalError(f"the host name {self.host!r} has no address: {self.fault}")

    def _look_up(self) -> None:
        try:
            found = socket.getaddrinfo(self.host, None, proto=socket.IPPROTO_TCP)
            self.addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        except (OSError, UnicodeError) as error:
            self.fault = str(error)
        finally:
            self.answered.set()


_names: dict[str, Name] = {}
os.register_at_fork(after_in_child=_names.clear)  # no thread of before answers there


def with_addresses(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of a connection in which each name of a host has its addresses beside it.

    Raises `OperationalError` if there is a host and none of them has an address.
    """
    host, known, port = (_said(name, parameters) for name in ("host", "hostaddr", "port"))
    hosts, ports = host.split(","), port.split(",")
    service = parameters.get("service")  # says more than can be seen here
    if known or service or not any(map(_is_name, hosts)) or len(ports) not in {1, len(hosts)}:
        return parameters
    if len(ports) == 1:
        ports *= len(hosts)
    ways, fault = [], None
    for host, port in zip(hosts, ports, strict=True):
        try:
            ways += [(host, address, port) for address in _addresses(host)]
        except OperationalError as error:
            fault = error
    if fault and not ways:
        raise fault
    names = ("host", "hostaddr", "port")
    lists = {name: ",".join(way) for name, way in zip(names, zip(*ways, strict=True), strict=True)}
    if not any(ports):
        del lists["port"]
    return parameters | lists


def _said(name: str, parameters: dict[str, Any]) -> str:
    """Return a parameter, or what libpq takes from its own variables such as PGHOST."""
    if parameters.get(name):
        return str(parameters[name])
    values = (one.val for one in Conninfo.get_defaults() if one.keyword == name.encode())
    return (next(values, None) or b"").decode()


def _addresses(host: str) -> list[str]:
    if not _is_name(host):
        return ["" if host.startswith(("/", "@")) else host]
    return _names.setdefault(host, Name(host)).resolved()


def _is_name(host: str) -> bool:
    if not host or host.startswith(("/", "@")):  # a UNIX socket
        return False
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return False
