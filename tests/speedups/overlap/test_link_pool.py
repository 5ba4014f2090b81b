"""Which link takes a statement, and how lost links come back."""

import os
import select
import socket
import threading
from collections import deque
from typing import Any

import psycopg
import pytest

from drf_speedups.overlap import link_pool as module
from drf_speedups.overlap.link import Call
from drf_speedups.overlap.link_pool import LinkPool
from tests.speedups.worker.serving import eventually


class Stub:
    """A link without a database: what is put on it stays under way until it is said to be done."""

    def __init__(self):
        self.fd, self.other_end = (end.detach() for end in socket.socketpair())
        self.calls: deque[Call] = deque()
        self.is_retired = self.is_writing = False
        self.breaks: Any = None  # an error to raise
        self.fastest = 0.001
        self.ends_at = None
        self.synced = 0
        self.kept: list[bool] = []  # whether the kernel leaves something of the next flushes

    depth = property(lambda self: len(self.calls))

    def oldest(self):
        return self.calls[0] if self.calls else None

    def newest(self):
        return self.calls[-1] if self.calls else None

    def put(self, call, now, *, syncs):
        self.calls.append(call)
        call.sent = now
        self.synced += syncs
        if self.breaks:
            raise self.breaks("broken")

    def flush(self):
        if self.breaks:
            raise self.breaks("broken")
        self.is_writing = self.kept.pop(0) if self.kept else False

    def receive(self):
        os.read(self.fd, 10)
        if self.breaks:
            raise self.breaks("broken")
        while self.calls:
            yield self.calls.popleft()

    def finish(self):
        os.write(self.other_end, b"!")

    def close(self):
        os.close(self.fd)
        os.close(self.other_end)
        lost, self.calls = [*self.calls], deque()
        return lost


class Served:
    """Links, and the loop that they are in."""

    def __init__(self, most):
        self.made: list[Any] = []
        self.refuses = False
        self.poller = select.epoll()
        self.links = LinkPool(most, self.connect, self.poller)

    def connect(self):
        if self.refuses:
            raise psycopg.OperationalError("nobody is there")
        self.made.append(Stub())
        return self.made[-1]

    def turn(self):
        return [call for fd, _ in self.poller.poll(0) for call in self.links.receive(fd)]

    def all_are_there(self):
        self.turn()
        return len(self.links.by_fd) == self.links.most

    def send(self, count=1, *, changes=False, alone=False):
        return [self.links.send(call(alone), changes=changes) for _ in range(count)]


def call(alone=False):
    return Call(None, [], None, may_wait=alone)  # type: ignore[arg-type]


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setattr(module, "LATE", 100.0)
    made = Served(4)
    eventually(made.all_are_there)
    yield made
    made.links.close()
    made.poller.close()


def depths(served):
    return [link.depth for link in served.made]


@pytest.mark.parametrize("most", [1, 2, 4])
def test_who_may_wait_for_a_lock_and_who_may_not_have_their_turns(monkeypatch, most):
    monkeypatch.setattr(module, "LATE", 100.0)
    served = Served(most)
    eventually(served.all_are_there)
    begun = {"read": 0, "insert": 0, "alone": 0}
    for _ in range(200):  # somebody of each kind asks all the time
        for link in served.made:
            if link.calls:
                link.calls.popleft()
        begun["read"] += sum(served.send(4))
        begun["insert"] += sum(served.send(4, changes=True))
        begun["alone"] += sum(served.send(4, changes=True, alone=True))
    assert min(begun.values()) > 20, begun
    served.links.close()
    served.poller.close()


def test_reads_share_one_link_and_changes_the_others(served):
    assert all(served.send(10))
    assert depths(served) == [10, 0, 0, 0]
    assert all(served.send(9, changes=True))
    assert depths(served) == [10, 3, 3, 3]
    assert served.made[0].synced == 0
    assert served.made[1].synced == 3


def test_a_change_that_may_wait_has_a_link_to_itself(served):
    assert served.send(3, changes=True, alone=True) == [True, True, True]
    assert depths(served) == [0, 1, 1, 1]
    assert served.send(changes=True, alone=True) == [False]
    assert served.send(changes=True) == [False]  # nobody waits behind somebody else's lock
    assert served.send(5) == [True] * 5  # and reads go on
    served.made[2].finish()
    served.turn()
    assert served.send(changes=True, alone=True) == [True]


def test_no_more_than_so_many_changes_wait_behind_each_other(served):
    assert served.send(3 * module.DEEPEST, changes=True) == [True] * (3 * module.DEEPEST)
    assert served.send(changes=True) == [False]


def test_a_link_whose_oldest_statement_is_late_takes_no_new_ones(served, monkeypatch):
    served.send()
    monkeypatch.setattr(module, "LATE", -1.0)
    served.send()
    assert depths(served) == [1, 1, 0, 0]


def test_lost_links_come_back_and_what_was_under_way_on_them_is_told(served):
    first = call()
    served.links.send(first, changes=False)
    served.made[0].breaks = psycopg.OperationalError
    served.made[0].finish()
    assert served.turn() == []
    assert list(served.links.lost()) == [first]
    eventually(served.all_are_there)
    assert served.send() == [True]


@pytest.mark.parametrize("error", [psycopg.OperationalError, TypeError])
def test_a_statement_whose_sending_fails_is_lost_once(served, error):
    served.made[0].breaks = error
    lost = call()
    assert served.links.send(lost, changes=False)
    assert list(served.links.lost()) == [lost]


def test_links_are_tried_again_until_the_database_is_there(served):
    served.refuses = True
    served.links.renew()
    assert served.links.connection is None
    assert served.send() == [False]
    served.refuses = False
    eventually(served.all_are_there)
    assert threading.active_count() < 20


def test_a_link_that_is_replaced_ends_when_nothing_is_under_way(served):
    served.send(2)
    served.links.renew()
    assert depths(served)[:4] == [2, 0, 0, 0]
    served.made[0].finish()
    assert len(served.turn()) == 2
    eventually(served.all_are_there)
    assert len(served.made) == 8


def test_the_poller_tells_of_a_link_only_while_there_is_something_to_do(served):
    served.made[0].kept = [True, True]
    for wakes in (1, 1, 0):  # it tells that more can be sent, until all of it is
        served.send()
        served.links.flush()
        told = [fd for fd, _ in served.poller.poll(0)]  # also, late, that a link was made
        assert told.count(served.made[0].fd) == wakes


def test_a_link_that_is_gone_takes_no_other_with_it_that_has_its_descriptor(served):
    served.send()
    gone = served.made[0]
    gone.breaks = psycopg.OperationalError
    gone.finish()
    served.turn()
    eventually(served.all_are_there)
    gone.fd = served.made[-1].fd
    served.links.flush()
    assert served.all_are_there()


def test_old_links_are_replaced_one_after_the_other(served):
    for age in range(4):
        served.made[age].ends_at = age
    served.send()
    for _ in range(3):
        served.links.replace_old(2.0)
        assert len(served.links.by_fd) == 4  # something is under way on the first
    served.made[0].finish()
    served.turn()
    for replaced in (5, 6, 7, 7):
        eventually(served.all_are_there)
        assert len(served.made) == replaced
        served.links.replace_old(2.0)
