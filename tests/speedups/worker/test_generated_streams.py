"""Generated applications and clients of all paces: each client gets its own bytes."""

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.speedups.worker.applications import Closing
from tests.speedups.worker.serving import eventually, inside
from tests.speedups.worker.streams import asking, reader, unchunked

who = threading.local()
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
