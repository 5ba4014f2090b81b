"""Whom a worker leaves a new connection to, and for how long."""

import errno
import logging
import select
import socket
import time

import pytest

from drf_speedups.worker.acceptor import Acceptor, loads
from drf_speedups.worker.balance import NOT_ACCEPTING


class Owner:
    """Stands for a worker that holds a slot."""


@pytest.fixture
def other():
    """The slot of another worker."""
    owner = Owner()
    slot = loads.take_slot(owner)
    yield slot
    loads.set(slot, NOT_ACCEPTING)


@pytest.fixture
def acceptor():
    """What accepts for a worker; one client waits."""
    owner = Owner()
    with socket.create_server(("127.0.0.1", 0)) as listener, select.epoll() as poller:
        log = logging.getLogger("test")
        found = Acceptor(loads.take_slot(owner), 100, poller, log, shares=True)
        found.open([listener])
        with socket.create_connection(listener.getsockname()):
            yield found
        for sock, *_ in found.close():
            sock.close()


def accepted(connections):
    count = 0
    for sock, *_ in connections:
        sock.close()
        count += 1
    return count


@pytest.mark.parametrize(("held_by_the_other", "taken"), [(0, 0), (NOT_ACCEPTING, 1)])
def test_who_leaves_takes_those_who_wait_only_if_nobody_else_will(
    acceptor, other, held_by_the_other, taken
):
    loads.set(other, held_by_the_other)
    assert accepted(acceptor.close()) == taken


def test_a_worker_is_courteous_only_while_another_one_is_idler(acceptor, other):
    (fd,) = acceptor.listeners
    acceptor.hold(+5)
    loads.set(other, 0)
    assert accepted(acceptor.accept(fd)) == 0
    assert accepted(acceptor.accept_after_courtesy(time.monotonic() - 1)) == 0
    assert acceptor.patience(1.0) < 0.01
    loads.set(other, 5)  # it has got what was left to it
    assert accepted(acceptor.accept_after_courtesy(time.monotonic() - 1)) == 1
    assert acceptor.patience(1.0) == 1


def test_nobody_waits_long_for_a_worker_that_does_not_take_it(acceptor, other):
    (fd,) = acceptor.listeners
    acceptor.hold(+5)
    loads.set(other, 0)
    assert accepted(acceptor.accept(fd)) == 0
    assert accepted(acceptor.accept_after_courtesy(time.monotonic() + 0.01)) == 1


def test_nobody_has_room_only_if_somebody_waits_and_all_are_full(acceptor, other):
    loads.set(other, 100)
    assert not acceptor.nobody_has_room()
    acceptor.hold(+100)
    assert acceptor.nobody_has_room()
    loads.set(other, 50)
    assert not acceptor.nobody_has_room()
    loads.set(other, 100)
    acceptor.hold(-1)
    assert accepted(acceptor.accept_after_courtesy(time.monotonic())) == 1
    acceptor.hold(+1)
    assert not acceptor.nobody_has_room()


def test_a_full_worker_accepts_again_when_one_has_gone(acceptor):
    (fd,) = acceptor.listeners
    acceptor.hold(+100)
    assert acceptor.is_full()
    assert accepted(acceptor.accept(fd)) == accepted(acceptor.accept_after_courtesy(1e9)) == 0
    acceptor.hold(-1)
    assert accepted(acceptor.accept_after_courtesy(time.monotonic())) == 1


class Exhausted:
    """A listening socket of a process that has no descriptor left."""

    def accept(self):
        raise OSError(errno.EMFILE, "Too many open files")

    def getsockname(self):
        return None

    def close(self):
        pass


def test_a_worker_without_descriptors_says_so_once_a_second_however_many_it_holds(acceptor, caplog):
    (fd,) = acceptor.listeners
    acceptor.listeners[fd] = Exhausted()
    acceptor.hold(+90)
    acceptor._pause(until=0.0)
    assert accepted(acceptor.accept_after_courtesy(time.monotonic())) == 0
    assert accepted(acceptor.accept_after_courtesy(time.monotonic())) == 0
    assert [record.message for record in caplog.records] == [
        "No file descriptor is left for a connection: raise `ulimit -n`"
    ]
