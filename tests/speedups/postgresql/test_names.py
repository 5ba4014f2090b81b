"""A name server that does not answer holds up nobody."""

import socket
import threading
import time

import pytest
from django.db import OperationalError

from drf_speedups.postgresql import names

MANY = 100


class NameServer:
    """Stands for `getaddrinfo`: says what it is told to, when it is let go."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.addresses: list[str] = ["10.0.0.1", "10.0.0.2"]
        self.asked = 0

    def __call__(self, host: str, *_args: object, **_kwargs: object) -> list[object]:
        self.asked += 1
        self.answers.wait(20)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(2, 1, 6, "", (one, 0)) for one in self.addresses]


@pytest.fixture
def server(monkeypatch):
    made = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    monkeypatch.setattr(names, "PATIENCE", 0.05)
    monkeypatch.setattr(names, "_names", {})
    yield made
    made.answers.set()


def test_a_name_gets_all_its_addresses_beside_it(server):
    server.answers.set()
    found = names.with_addresses({"host": "db", "port": 6432, "dbname": "n"})
    assert found == {
        "host": "db,db", "hostaddr": "10.0.0.1,10.0.0.2", "port": "6432,6432", "dbname": "n"
    }  # fmt: skip


def test_of_several_hosts_each_keeps_its_port_and_what_is_no_name_is_not_asked_for(server):
    server.answers.set()
    found = names.with_addresses({"host": "db,10.9.9.9,/tmp", "port": "1,2,3"})
    assert found["hostaddr"] == "10.0.0.1,10.0.0.2,10.9.9.9,"
    assert (found["host"], found["port"]) == ("db,db,10.9.9.9,/tmp", "1,1,2,3")


@pytest.mark.parametrize("parameters", [
    {"service": "books"}, {"service": "books", "host": "db"}, {"host": "a,b,c", "port": "1,2"},
])  # fmt: skip
def test_what_only_libpq_puts_together_is_left_to_it(server, monkeypatch, parameters):
    server.answers.set()
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert names.with_addresses(parameters) == parameters


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "::1", "/var/run", "@abstract", "", None, "fe80::1%eth0"]
)
def test_an_address_is_left_as_it_is(server, host):
    assert names.with_addresses({"host": host}) == {"host": host}
    assert names.with_addresses({"host": "db", "hostaddr": "10.0.0.9"})["hostaddr"] == "10.0.0.9"
    assert server.asked == 0


def test_who_waits_for_a_name_is_told_soon_and_who_comes_later_at_once(server):
    started = time.monotonic()
    for _ in range(MANY):
        with pytest.raises(OperationalError, match="'db' has no address: its name server has not"):
            names.with_addresses({"host": "db"})
    assert time.monotonic() - started < MANY * names.PATIENCE / 2  # one has waited, not each
    assert server.asked == 1


def test_an_answer_is_remembered_while_the_name_server_is_away(server, monkeypatch):
    server.answers.set()
    before = names.with_addresses({"host": "db"})
    server.answers.clear()
    monkeypatch.setattr(names, "FRESH", 0.0)
    assert names.with_addresses({"host": "db"}) == before
    assert server.asked == 2
    server.answers.set()


def test_another_answer_is_taken_when_it_comes(server, monkeypatch):
    server.answers.set()
    names.with_addresses({"host": "db"})
    server.addresses = ["10.0.0.3"]
    assert names.with_addresses({"host": "db"})["hostaddr"] == "10.0.0.1,10.0.0.2"  # still fresh
    monkeypatch.setattr(names, "FRESH", 0.0)
    assert names.with_addresses({"host": "db"})["hostaddr"] == "10.0.0.3"


def test_a_name_that_is_unknown_says_so(server):
    server.answers.set()
    server.addresses = []
    with pytest.raises(OperationalError, match="Name or service not known"):
        names.with_addresses({"host": "db"})
    server.addresses = ["10.0.0.1"]
    assert names.with_addresses({"host": "db"})["hostaddr"] == "10.0.0.1"
