"""Until an answer is made and closed nobody else's code runs. The worker runs in a thread here."""

import contextlib
import contextvars
import os
import re
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from drf_speedups.worker.connection import State
from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import Closing, answering, failing
from tests.speedups.worker.serving import body, eventually, inside, receive_all, talk

CLOSE = head("GET / HTTP/1.1", HOST, "Connection: close")
BIG = 20_000_000
who = threading.local()
var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="")


def asking(path):
    return head(f"GET {path} HTTP/1.1", HOST, "Connection: close")


def reader(address, request, *, buffer=8192):
    """Return a connection that has asked for something and reads nothing yet."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(60)
    client.connect(address)
    client.sendall(request)
    return client


def unchunked(answer):
    """Return the blocks of a chunked answer."""
    rest, blocks = body(answer), []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            break
        blocks.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return blocks


def rows_of(name, count=500):
    """Name the request again and again, by all that a framework may keep it in."""
    for _ in range(count):
        yield f"{name} {who.name} {var.get()}\n".encode()


def reporting(environ, start_response):
    """Stream rows that say whose they are, as a view under `stream_with_context` does."""
    who.name = environ["PATH_INFO"]
    var.set(environ["PATH_INFO"])
    start_response("200 OK", [])
    return rows_of(environ["PATH_INFO"])


def test_streams_of_several_clients_never_see_each_others_request():
    def download(address, number):
        path = f"/{number}"
        with reader(address, asking(path)) as client:
            time.sleep(0.001 * (number % 5))
            rows = b"".join(unchunked(receive_all(client))).decode().splitlines()
        assert rows == [f"{path} {path} {path}"] * 500

    with inside(reporting) as served, ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(download, served.address), range(20)))


OPERATIONS = st.one_of(
    st.tuples(st.just("block"), st.sampled_from([0, 1, 100, 8192, 100_000, 3_000_000])),
    st.tuples(st.just("write"), st.sampled_from([1, 5000, 200_000])),
    st.tuples(st.just("pause"), st.sampled_from([1, 7])),
    st.tuples(st.just("fail"), st.just(0)),
)
PROGRAMS = st.lists(st.lists(OPERATIONS, max_size=6), min_size=2, max_size=6)
PACES = st.lists(st.sampled_from(["fast", "late", "slow", "leaves"]), min_size=6, max_size=6)


class Leaving(Closing):
    """Says when it is closed."""

    def __init__(self, blocks, leave):
        super().__init__(blocks)
        self.leave = leave

    def close(self):
        self.leave()


class Generated:
    """An application made of operations; it notes each moment in which another one's code ran."""

    def __init__(self, programs):
        self.programs = programs
        self.running = None
        self.mixed = []
        self.closed = [0] * len(programs)

    def __call__(self, environ, start_response):
        number = int(environ["PATH_INFO"][1:])
        self.enter(number)
        write = start_response("200 OK", [])
        try:
            for what, size in self.programs[number]:
                if what == "write":
                    write(self.block(number, size))
                    self.look(number)
        except OSError:  # the client has left
            self.leave(number)
            raise
        return Leaving(self.blocks(number), partial(self.leave, number))

    def blocks(self, number):
        for what, size in self.programs[number]:
            self.look(number)
            if what == "pause":
                time.sleep(size / 1000)
            if what == "fail":
                raise ValueError("broken")
            if what == "block":
                yield self.block(number, size)
        self.look(number)

    @staticmethod
    def block(number, size):
        return bytes([65 + number]) * size

    def enter(self, number):
        if self.running is not None:
            self.mixed.append((self.running, number))
        self.running, who.name = number, number

    def look(self, number):
        if (self.running, who.name) != (number, number):
            self.mixed.append((self.running, number))

    def leave(self, number):
        self.look(number)
        self.running = None
        self.closed[number] += 1

    def made(self, number):
        """Return how many bytes it makes, and whether to its end."""
        made = sum(size for what, size in self.programs[number] if what == "write")
        for what, size in self.programs[number]:
            if what == "fail":
                return made, False
            made += size if what == "block" else 0
        return made, True


def read(address, number, pace):
    with reader(address, asking(f"/{number}")) as client:
        if pace == "leaves":
            with contextlib.suppress(OSError):
                client.recv(100)
            return None
        if pace == "late":
            time.sleep(0.05)
        parts = []
        with contextlib.suppress(ConnectionError):
            while part := client.recv(20_000 if pace == "slow" else 1 << 20):
                parts.append(part)
                if pace == "slow":
                    time.sleep(0.0005)
        return b"".join(parts)


@settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "15")), deadline=None, database=None,
          derandomize="FUZZ_EXAMPLES" not in os.environ, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(PROGRAMS, PACES)
def test_generated_applications_answer_each_client_with_its_own_bytes(programs, paces):
    application = Generated(programs)
    with inside(application) as served, ThreadPoolExecutor(len(programs)) as pool:
        numbers = range(len(programs))
        answers = list(pool.map(partial(read, served.address), numbers, paces))
        eventually(lambda: application.closed == [1] * len(programs))
    assert application.mixed == []
    for number, answer in enumerate(answers):
        if answer is None:
            continue
        size, whole = application.made(number)
        if answer.startswith(b"HTTP/1.1 500"):
            assert (size, whole) == (0, False)
            continue
        assert b"".join(unchunked(answer)) == Generated.block(number, size)
        assert answer.endswith(b"0\r\n\r\n") == whole


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
            time.sleep(3)
            got = body(receive_all(client))
            assert done.wait(20)
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


def test_one_block_of_any_size_reaches_a_client_that_reads():
    size = 70 * 2**20

    def writing(environ, start_response):
        start_response("200 OK", [("Content-Length", str(size))])(b"x" * size)
        return []

    for application in (answering([b"x" * size], ("Content-Length", str(size))), writing):
        with inside(application) as served:
            assert len(body(talk(served.address, CLOSE))) == size


def test_an_error_midway_cuts_off_after_what_was_made_before_it():
    application = answering(failing(*[b"x" * 1_000_000] * 9))
    with inside(application) as served, reader(served.address, CLOSE, buffer=2**16) as client:
        time.sleep(0.1)
        answer = receive_all(client)
    assert b"".join(unchunked(answer)) == b"x" * 9_000_000
    assert not answer.endswith(b"0\r\n\r\n")


def test_a_client_that_leaves_midway_ends_its_stream_before_anybody_else_is_answered():
    order = []

    def stream():
        try:
            for _ in range(10_000):
                time.sleep(0.001)
                yield b"x" * 1000
        finally:
            order.append("ended")

    def application(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/stream":
            return stream()
        order.append("other")
        return [b"fine"]

    with inside(application) as served:
        with socket.create_connection(served.address) as client:
            client.sendall(head("GET /stream HTTP/1.1", HOST))
            client.recv(100)
        assert b"fine" in talk(served.address, CLOSE)
    assert order == ["ended", "other"]


def test_a_stream_that_holds_the_worker_is_named_once_and_the_heart_beats_on(caplog):
    beats = []

    def events():
        for number in range(20):
            time.sleep(0.05)
            yield b"data: %d\n\n" % number

    with inside(lambda e, s: answering(events())(e, s)) as served:
        served.worker.LONG_ANSWER = 0.3
        served.worker.notify = lambda: beats.append(time.monotonic())
        for _ in range(2):
            before = len(beats)
            assert talk(served.address, asking("/events")).count(b"data: ") == 20
            assert len(beats) - before >= 5
    lines = [line for line in caplog.messages if "held the worker" in line]
    assert len(lines) == 1
    assert lines[0].startswith("'/events' held the worker for 0.")
    assert "gthread" in lines[0]


def test_head_runs_the_application_to_its_end_and_sends_no_byte_of_it():
    answer = Closing([b"a", b"b" * 3_000_000])
    with inside(answering(answer)) as served:
        said = talk(served.address, head("HEAD / HTTP/1.1", HOST))
        assert re.fullmatch(rb"HTTP/1.1 200 OK\r\n.*\r\n\r\n", said, re.DOTALL)
    assert answer.closed == 1
