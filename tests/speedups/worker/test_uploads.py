"""Bodies of all sizes, at all speeds. The worker runs in a thread here."""

import contextlib
import hashlib
import resource
import socket
import threading
import time
from functools import partial

import pytest

from drf_speedups.worker.spool import Room
from tests.contract.raw import HOST, head
from tests.speedups.worker.serving import body, eventually, inside, receive_all, talk

MEGABYTE = 2**20


def digest(environ, start_response):
    """Answer with the length and the digest of what was sent."""
    read = environ["wsgi.input"].read
    seen, size = hashlib.sha256(), 0
    while part := read(100_000):
        seen.update(part)
        size += len(part)
    start_response("200 OK", [("Content-Length", str(65 + len(str(size))))])
    return [f"{size} {seen.hexdigest()}".encode()]


def expected(data):
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()


def post(length):
    return head("POST / HTTP/1.1", HOST, f"Content-Length: {length}", "Connection: close")


def chunked(data, size):
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Connection: close",
                body=framed + b"0\r\n\r\n")  # fmt: skip


DATA = bytes(range(256)) * (4096 * 5)  # five megabytes


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, len(DATA)])
def test_a_body_of_any_size_is_read_whole_with_a_length_and_in_chunks(size):
    data = DATA[:size]
    with inside(digest) as served:
        for message in (post(size) + data, chunked(data, 1_000_000), chunked(data, 70_001)):
            assert body(talk(served.address, message)) == expected(data)
        room = served.worker.room
        eventually(lambda: room.files == served.worker.MOST_SPOOLED)  # nothing of it is kept
        assert room.memory == served.worker.MOST_HELD


def test_a_body_past_what_memory_may_hold_is_taken_if_it_is_allowed():
    data = bytes(70 * MEGABYTE)
    with inside(digest) as served:
        served.worker.LARGEST_BODY = 80 * MEGABYTE
        assert body(talk(served.address, post(len(data)) + data)) == expected(data)


def test_several_large_uploads_at_once_are_all_answered():
    data = DATA * 3
    answers = []

    def upload(address):
        answers.append(body(talk(address, post(len(data)) + data)))

    with inside(digest) as served:
        served.worker.MOST_HELD = served.worker.room.memory = 1000
        uploads = [threading.Thread(target=upload, args=(served.address,)) for _ in range(6)]
        for one in uploads:
            one.start()
        for one in uploads:
            one.join(60)
    assert answers == [expected(data)] * 6


def test_a_body_for_which_there_is_no_room_gets_503_in_words_and_others_are_served(caplog):
    with inside(digest) as served, contextlib.ExitStack() as stack:
        served.worker.room.files, served.worker.room.memory = 200_000, 0
        first = stack.enter_context(socket.create_connection(served.address, timeout=20))
        first.sendall(post(200_000) + b"x" * 160_000)  # the nearly finished one stays
        eventually(lambda: served.worker.room.files == 40_000)
        said = talk(served.address, post(300_000) + b"x" * 300_000)
        assert said.startswith(b"HTTP/1.1 503 ")
        assert "there is no room for the body" in caplog.text
        assert body(talk(served.address, post(5) + b"hello")) == expected(b"hello")
        first.sendall(b"x" * 40_000)
        assert body(receive_all(first)) == expected(b"x" * 200_000)


def test_a_steady_upload_may_take_longer_than_the_timeout():
    data = b"x" * 120_000
    with (
        inside(digest, timeout=1) as served,
        socket.create_connection(served.address, timeout=20) as client,
    ):
        client.sendall(post(len(data)))
        for at in range(0, len(data), 5000):
            time.sleep(0.1)
            client.sendall(data[at : at + 5000])
        assert body(receive_all(client)) == expected(data)


def test_an_upload_that_is_slower_than_the_least_rate_is_given_up():
    with inside(digest, timeout=1) as served:
        served.worker.LEAST_RATE = 100_000
        with socket.create_connection(served.address, timeout=20) as client:
            begun = time.monotonic()
            with contextlib.suppress(OSError):
                client.sendall(post(10_000))
                for _ in range(100):
                    time.sleep(0.1)
                    client.sendall(b"x")
            assert receive_all(client)[:12] == b"HTTP/1.1 408"
            assert time.monotonic() - begun < 12


def test_a_half_sent_body_gives_its_room_back_when_its_client_leaves():
    with inside(digest) as served:
        room = served.worker.room
        with socket.create_connection(served.address, timeout=20) as client:
            client.sendall(post(1_000_000) + b"x" * 500_000)
            eventually(lambda: room.files < served.worker.MOST_SPOOLED)
        eventually(lambda: room.files == served.worker.MOST_SPOOLED)


def test_files_leave_descriptors_for_connections_and_the_application(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2000, 2000))
    room = Room(memory=0, files=0)
    with contextlib.ExitStack() as files:
        made = 0
        while (file := room.file()) is not None:
            files.enter_context(file)
            made += 1
    assert 1000 < made < 1500


def test_the_input_is_a_file_whatever_its_size():
    def lines(environ, start_response):
        file = environ["wsgi.input"]
        first, rest = file.readline(), file.readlines()
        start_response("200 OK", [])
        return [b"%d %d %d" % (len(first), len(rest), len(file.read()))]

    with inside(lines) as served:
        for count in (3, 100_000):
            data = b"0123456789\n" * count
            assert b"11 %d 0\r\n" % (count - 1) in talk(served.address, post(len(data)) + data)


def test_memory_does_not_grow_with_half_sent_bodies():
    with inside(digest) as served, contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(served.address, timeout=20))
            for _ in range(20)
        ]
        for client in clients:
            client.sendall(post(10 * MEGABYTE) + b"x" * MEGABYTE)
        eventually(partial(all_have_come, served, 20 * MEGABYTE))
        held = sum(len(one.parser.buffer) for one in served.connections())
        assert held <= 20 * 65_536


def all_have_come(served, size):
    return served.worker.room.files <= served.worker.MOST_SPOOLED - size
