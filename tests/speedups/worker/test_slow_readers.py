"""What a client has not taken yet is kept, or its application waits; others are answered."""

import contextlib
import socket
import sys
import tempfile
import threading
import time

import pytest

from drf_speedups.worker.connection import State
from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import Closing, answering
from tests.speedups.worker.serving import Inside, body, eventually, inside, receive_all, talk
from tests.speedups.worker.streams import BIG, CLOSE, reader, unchunked


def test_what_a_slow_reader_has_not_taken_is_kept_outside_of_memory():
    made = threading.Event()

    def stream():
        yield from (bytes([number]) * 1_000_000 for number in range(20))
        made.set()

    answer = Closing(stream())
    with (
        inside(answering(answer)) as served,
        reader(served.address, CLOSE, buffer=65_536) as client,
    ):
        assert made.wait(20), "the application waits for its client"
        eventually(lambda: answer.closed == 1)
        (waiting,) = served.connections()
        assert waiting.out.waiting() > 10_000_000
        assert served.worker.room.memory == served.worker.MOST_HELD
        assert body(talk(served.address, head("HEAD / HTTP/1.1", HOST))) == b""
        blocks = unchunked(receive_all(client))
        eventually(lambda: not served.connections())
        assert served.worker.room.files == served.worker.MOST_SPOOLED  # all of it is given back
    assert b"".join(blocks) == b"".join(bytes([number]) * 1_000_000 for number in range(20))


def test_what_a_slow_reader_has_not_taken_holds_no_block_of_the_application():
    blocks = [bytes([number]) * 900_000 for number in range(10)]
    before = [sys.getrefcount(block) for block in blocks]
    application = answering(blocks, ("Content-Length", "9000000"))
    with inside(application) as served, reader(served.address, CLOSE):
        (connection,) = eventually(served.connections)
        eventually(lambda: connection.state is State.REPLYING)
        time.sleep(0.05)
        assert [sys.getrefcount(block) for block in blocks] == before


def test_who_reads_from_a_unix_socket_at_the_least_rate_is_no_silent_client():
    served = Inside(answering([b"x" * 1_000_000]), timeout=1)  # the kernel tells of 64 KiB at once
    ours, client = socket.socketpair()
    served.worker._welcome([(ours, "", "/a/socket")])
    client.sendall(CLOSE)
    (connection,) = served.connections()
    while connection.state is not State.REPLYING:
        served.worker.turn(0.01)
    assert connection.deadline - connection.began >= 65_536 / served.worker.LEAST_RATE
    served.end()
    client.close()


@pytest.fixture
def no_file(monkeypatch):
    """Take away every folder for temporary files."""

    def refuse(*args, **named):
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)


@pytest.fixture
def full_disk(monkeypatch):
    """Let temporary files take a megabyte, and then no more."""
    room, making = 2**20, tempfile.TemporaryFile

    def small(**named):
        file = making(**named)

        class Small:
            def __getattr__(self, name):
                return getattr(file, name)

            def write(self, data):
                if file.tell() + len(data) > room:
                    raise OSError(28, "No space left on device")
                return file.write(data)

        return Small()

    monkeypatch.setattr(tempfile, "TemporaryFile", small)


@pytest.mark.parametrize("place", ["no_file", "full_disk"])
def test_where_nothing_can_be_kept_the_application_waits_and_no_byte_is_lost(place, request):
    request.getfixturevalue(place)
    made = []

    def stream():
        for number in range(100):
            made.append(number)
            yield bytes([number]) * 200_000

    with inside(answering(stream())) as served:
        served.worker.room.memory = 1_000_000
        with reader(served.address, CLOSE) as client:
            eventually(lambda: made)
            settled = eventually(lambda: settles(made))
            assert settled < 100
            blocks = unchunked(receive_all(client))
        eventually(lambda: served.worker.room.memory == 1_000_000)
    assert b"".join(blocks) == b"".join(bytes([number]) * 200_000 for number in range(100))


def settles(made):
    before = len(made)
    time.sleep(0.3)
    return before if len(made) == before else 0


def test_while_an_application_waits_for_its_client_others_get_what_was_made_for_them(no_file):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", str(BIG))])
        return (b"x" * 100_000 for _ in range(BIG // 100_000))

    with inside(application) as served, reader(served.address, CLOSE) as first:
        eventually(lambda: served.worker.room.memory < served.worker.MOST_HELD)
        served.worker.room.memory = 0
        with reader(served.address, CLOSE) as second:
            time.sleep(0.2)  # it fills what its kernel takes, and waits
            assert len(body(receive_all(first))) == BIG
            assert len(body(receive_all(second))) == BIG


def test_who_has_stopped_reading_is_parted_with_also_by_an_application_that_waits(no_file):
    answer = Closing(b"x" * 100_000 for _ in range(1000))
    with inside(answering(answer), timeout=1) as served:
        served.worker.room.memory = 0
        with reader(served.address, CLOSE):
            eventually(lambda: answer.closed == 1, seconds=30)


def test_an_application_that_goes_on_after_its_client_was_given_up_leaves_no_hole(no_file):
    done = threading.Event()

    def application(environ, start_response):
        write = start_response("200 OK", [])
        for number in range(100):
            with contextlib.suppress(OSError):
                write(bytes([number]) * 100_000)
        done.set()
        return []

    with inside(application, timeout=1) as served:
        served.worker.room.memory = 0
        with reader(served.address, head("GET / HTTP/1.0")) as client:
            assert done.wait(20)
            got = body(receive_all(client))
    whole = b"".join(bytes([number]) * 100_000 for number in range(100))
    assert got == whole[: len(got)]


def test_a_reader_that_has_stopped_is_cut_off_and_the_log_says_so(caplog):
    with inside(answering([b"x" * BIG]), timeout=1) as served, reader(served.address, CLOSE):
        eventually(lambda: "had stopped reading" in caplog.text, seconds=30)


def test_a_slow_but_steady_reader_gets_all_however_long_it_takes():
    size = 7_000_000
    application = answering([b"x" * size])
    with inside(application, timeout=1) as served, reader(served.address, CLOSE) as client:
        got, begun = 0, time.monotonic()
        while part := client.recv(100_000):
            got += len(part)
            if time.monotonic() - begun < 3:
                time.sleep(0.1)  # it confirms little, and the kernel asks for more late
        assert got > size
        assert time.monotonic() - begun > 2


def test_an_endless_drip_of_bytes_is_too_slow():
    with inside(answering([b"x" * BIG]), timeout=1) as served:
        served.worker.LEAST_RATE = 10_000_000
        with reader(served.address, CLOSE) as client:
            eventually(served.connections)
            begun = time.monotonic()
            while served.connections():
                client.recv(10_000)
                time.sleep(0.05)
                assert time.monotonic() - begun < 20
