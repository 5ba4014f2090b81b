"""The worker against gunicorn's own `sync`, over real sockets, answer for answer."""

import json
import socket
from typing import Any

import pytest

from tests.contract.raw import HOST, head
from tests.speedups.worker.raw_requests import ALL, BAD, EXPECTING
from tests.speedups.worker.serving import BUFFERED, gunicorn, receive_all

OF_THE_CONNECTION = {"REMOTE_PORT", "SERVER_PORT"}
INPUT = {"Body", "BytesIO"}  # both are readable
# What this worker answers otherwise, and why.
CUT_OFF = "a body that its client cuts off never reaches the application"
DIFFERENCES: dict[str, tuple[int | None, int | None, str]] = {  # sync, this worker, why
    "a body shorter than its length": (200, 400, CUT_OFF),
    "no body for its length": (200, 400, CUT_OFF),
    "a chunk that ends too soon": (None, 400, CUT_OFF),
    "chunks without a last one": (None, 400, CUT_OFF),
    "chunks whose lines end in LF": (None, 400, CUT_OFF),
    "a chunk of 16 exabytes": (None, 413, "what nobody would buffer is refused at once"),
    "a length past the limit": (200, 400, CUT_OFF),
    "a length past 64 bits": (200, 413, "what nobody would buffer is refused at once"),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Return the addresses of a `sync` gunicorn and of ours, serving the same echo."""
    folder = tmp_path_factory.mktemp("both")
    settings: dict[str, Any] = {"timeout": 60, "loglevel": "critical"}
    with (
        gunicorn(folder, "echo", worker_class="sync", **settings) as (theirs, _),
        gunicorn(folder, "echo", worker_class=BUFFERED, **settings) as (mine, _),
    ):
        yield theirs, mine


def answer(address, pieces):
    """Send pieces, then an end; return status, environment and body of the first final answer."""
    with socket.create_connection(address, timeout=30) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # refused before it was read to its end
            pass
        data = receive_all(connection).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    return parsed(data)


def parsed(data):
    if not data:
        return None, None
    status, (lines, _, content) = int(data[9:12]), data.partition(b"\r\n\r\n")
    if status != 200 or not content:
        return status, None
    length = int(lines.partition(b"Content-Length: ")[2].partition(b"\r")[0])
    seen = json.loads(content[:length])
    environ = {k: v for k, v in seen["environ"].items() if k not in OF_THE_CONNECTION}
    assert environ.pop("wsgi.input") in INPUT
    return status, (environ, seen["body"])


def test_every_request_gets_the_answer_that_sync_gives(both):
    theirs, mine = both
    for case, data in ALL.items():
        expected, got = answer(theirs, [data]), answer(mine, [data])
        if case in DIFFERENCES:
            assert (case, expected[0], got[0]) == (case, *DIFFERENCES[case][:2])
        else:
            assert (case, got) == (case, expected)


def test_it_is_the_same_however_the_request_is_cut(both):
    theirs, mine = both
    cases = [
        case for case in [*EXPECTING, *ALL] if len(ALL[case]) < 300 and case not in DIFFERENCES
    ]
    for case in cases[::4]:
        data = ALL[case]
        whole = answer(theirs, [data])
        pieces = [data[at : at + 1] for at in range(len(data))]
        for cut in ([data[: len(data) // 2], data[len(data) // 2 :]], pieces):
            assert (case, answer(mine, cut)) == (case, whole)


def test_the_second_of_two_pipelined_requests_gets_the_same_answer(both):
    theirs, mine = both
    first = head("HEAD / HTTP/1.1", HOST)
    for case in [case for case in ALL if case not in DIFFERENCES][::2]:
        data = ALL[case]
        with socket.create_connection(mine, timeout=30) as connection:
            try:
                connection.sendall(first + data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            _head, _, rest = receive_all(connection).partition(b"\r\n\r\n")
        rest = rest.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert (case, parsed(rest)) == (case, answer(theirs, [data]))


def test_the_table_of_differences_names_cases_that_exist():
    assert DIFFERENCES.keys() <= BAD.keys()
