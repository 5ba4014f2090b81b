"""What applications may answer, and what the client then gets. The worker runs in a thread here."""

import io
import re
import socket
import sys
import textwrap
from typing import Any

import pytest

from drf_speedups.worker.answering import Answering
from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import Closing, answering, failing, flask
from tests.speedups.worker.serving import body, inside, talk

GET = head("GET / HTTP/1.1", HOST)
GET_10 = head("GET / HTTP/1.0")
CLOSE = head("GET / HTTP/1.1", HOST, "Connection: close")


def test_a_length_keeps_the_connection_and_no_length_means_chunks():
    with inside(answering([b"ab", b"", b"c"], ("Content-Length", "3"))) as served:
        assert talk(served.address, GET + GET).count(b"\r\n\r\nabcHTTP/1.1 200 OK") == 1
    with inside(lambda e, s: answering(b for b in (b"ab", b"", b"c"))(e, s)) as served:
        twice = talk(served.address, GET + GET)
        assert twice.count(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n") == 2
        old = talk(served.address, GET_10 + GET_10)
        assert b"Transfer-Encoding" not in old
        assert b"Connection: close" in old
        assert old.endswith(b"\r\n\r\nabc")


def test_http_1_0_may_keep_its_connection():
    kept = head("GET / HTTP/1.0", "Connection: keep-alive")
    with inside(answering([b"a"], ("Content-Length", "1"))) as served:
        answers = talk(served.address, kept + kept)
    assert answers.count(b"HTTP/1.0 200 OK") == answers.count(b"Connection: keep-alive") == 2


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "GET / HTTP/1.0"])
def test_a_body_shorter_than_its_length_is_seen_to_be_cut_off(request_line):
    with inside(answering([b"abc"], ("Content-Length", "5"))) as served:
        answer = talk(served.address, head(request_line, HOST), end=False)  # or this would hang
    assert body(answer) == b"abc"


def test_a_body_longer_than_its_length_is_cut_and_the_next_answer_is_whole():
    with inside(answering([b"abc", b"def"], ("Content-Length", "4"))) as served:
        answers = talk(served.address, GET + GET)
    assert re.findall(rb"\r\n\r\n(abcd)", answers) == [b"abcd", b"abcd"]
    assert b"abcde" not in answers


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("HEAD", "200 OK", True), ("GET", "204 No Content", False), ("GET", "304 Not Modified", True)],
)
def test_an_answer_without_a_body_has_none(method, status, length):
    request = head(f"{method} / HTTP/1.1", HOST)
    application = answering([b"abc"], ("Content-Length", "3"), status=status)
    with inside(application) as served:
        answers = talk(served.address, request + request)
    assert len(re.findall(rb"HTTP/1.1 \d+ [\w ]+\r\n(?:[^\r]+\r\n)+\r\n", answers)) == 2
    assert answers.endswith(b"\r\n\r\n")
    assert (b"Content-Length: 3" in answers) == length
    with inside(answering([b"abc"], status=status)) as served:
        assert b"Transfer-Encoding" not in talk(served.address, request)


def test_what_was_returned_is_closed_once_whatever_happens():
    for blocks in ([b"ab"], [], failing(), failing(b"a"), ["no bytes"], [b"a", None]):
        answer = Closing(blocks)
        with inside(answering(answer)) as served:
            talk(served.address, GET)
        assert answer.closed == 1


def test_an_application_that_raises_before_its_first_block_is_a_500():
    def application(environ, start_response):
        raise ValueError("broken")

    def too_late(environ, start_response):
        return [b"no start_response"]

    failures = [application, too_late, answering(failing()), answering(["no bytes"]),
                answering([b"a"], ("A", "b\r\nC: d")), answering([b"a"], ("A\r\nB", "c")),
                answering([b"a"], ("A", 1)), answering([b"a"], status="200\r\nA: b"),
                *[answering([b"a"], ("Content-Length", said)) for said in ("many", "-1", "+1")],
                answering(None)]  # fmt: skip
    for failure in failures:
        with inside(failure) as served:
            answer = talk(served.address, GET)
            assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
            assert b"C: d" not in answer
            assert b"ValueError" not in answer
            assert answer.count(b"HTTP/1.1") == 1


def test_an_answer_that_replaces_another_takes_nothing_over_from_it():
    def application(environ, start_response):
        start_response("101 Switching Protocols", [("Connection", "Upgrade"), ("A", "b")])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Sorry", [("Content-Length", "1")], sys.exc_info())
        return [b"x"]

    with inside(application) as served:
        answer = talk(served.address, GET)
    assert answer.startswith(b"HTTP/1.1 500 Sorry\r\n")
    assert b"\r\nConnection: keep-alive\r\n" in answer
    assert b"\r\nA: b\r\n" not in answer


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, OSError])
def test_whatever_an_application_raises_ends_its_connection_only(error):
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/raise":
            raise error
        return answering([b"fine"], ("Content-Length", "4"))(environ, start_response)

    with inside(application) as served:
        assert b" 500 " in talk(served.address, head("GET /raise HTTP/1.1", HOST))
        assert body(talk(served.address, GET)) == b"fine"


def test_an_application_that_raises_midway_is_seen_to_be_cut_off():
    with inside(answering(failing(b"abc"))) as served:
        answer = talk(served.address, GET + GET, end=False)
    assert answer.endswith(b"\r\n\r\n3\r\nabc\r\n")  # no last chunk, no second answer


def test_write_sends_before_what_is_returned():
    def application(environ, start_response):
        write = start_response("200 OK", [("Content-Length", "4")])
        write(b"ab")
        return [b"cd"]

    with inside(application) as served:
        assert body(talk(served.address, GET)) == b"abcd"


def test_start_response_may_be_called_again_for_an_error_only():
    def application(environ, start_response):
        start_response("200 OK", [("A", "first"), ("Content-Length", "100")])
        with pytest.raises(AssertionError):
            start_response("201 Created", [])
        try:
            raise ValueError("broken")
        except ValueError as error:
            start_response("500 Oops", [("B", "second")], (ValueError, error, None))
        return [b"sorry"]

    def too_late(environ, start_response):
        start_response("200 OK", [])(b"abc")
        try:
            raise ValueError("broken")
        except ValueError as error:
            start_response("500 Oops", [], (ValueError, error, None))
        return []

    with inside(application) as served:
        answer = talk(served.address, CLOSE)
        assert answer.startswith(b"HTTP/1.1 500 Oops\r\n")
        assert b"A: first" not in answer
        assert body(answer) == b"5\r\nsorry\r\n0\r\n\r\n"
    with inside(too_late) as served:
        assert body(talk(served.address, GET)) == b"3\r\nabc\r\n"


def test_a_header_may_be_a_list_of_two_as_under_sync():
    headers: Any = [["Content-Length", "1"], ["A", "b"]]
    with inside(answering([b"x"], *headers)) as served:
        for _ in range(2):
            answer = talk(served.address, CLOSE)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert b"\r\nContent-Length: 1\r\nA: b\r\n" in answer


def test_headers_go_out_as_they_are_but_for_those_of_the_connection():
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Connection", "x"), ("E", ""),
               ("Keep-Alive", "x"), ("Transfer-Encoding", "chunked"), ("L", " \xa0\xe9\xa0\t"),
               ("Content-Length", "0")]  # fmt: skip
    with inside(answering([], *headers)) as served:
        for _ in range(2):  # the second time from memory
            lines = talk(served.address, GET).split(b"\r\n")
            assert lines[1].startswith(b"Server: gunicorn")
            assert lines[2].startswith(b"Date: ")
            assert lines[3:-2] == [b"Connection: keep-alive", b"Set-Cookie: a=1",
                b"Set-Cookie: b=2", b"E: ", b"L: \xa0\xe9\xa0", b"Content-Length: 0"]  # fmt: skip


def test_a_file_is_sent_whole():
    data = bytes(range(256)) * 4096
    opened = io.BytesIO(data)

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(data)))])
        return environ["wsgi.file_wrapper"](opened, 65_536)

    with inside(application) as served:
        assert body(talk(served.address, GET)) == data
    assert opened.closed


def test_early_hints_come_first_and_only_to_who_understands_them():
    def application(environ, start_response):
        environ["wsgi.early_hints"]([("Link", "</a.css>"), (b"Link", b"</b.css>")])
        start_response("200 OK", [("Content-Length", "0")])
        environ["wsgi.early_hints"]([("Link", "</late.css>")]) if environ.get("HTTP_A") else None
        return []

    with inside(application) as served:
        hints, _, answer = talk(served.address, GET).partition(b"\r\n\r\n")
        assert hints == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.css>"
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert talk(served.address, GET_10).startswith(b"HTTP/1.0 200 OK")


def test_a_client_that_expects_100_is_told_to_go_on_once():
    request = head("POST / HTTP/1.1", HOST, "Content-Length: 5", "Expect: 100-continue")

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return [environ["wsgi.input"].read()]

    with inside(application) as served, socket.create_connection(served.address) as client:
        client.settimeout(20)
        for _ in range(2):  # the second time from memory
            client.sendall(request)
            assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"he")
            client.sendall(b"llo")
            assert client.recv(1000).endswith(b"\r\n\r\nhello")
        assert talk(served.address, request + b"hello").startswith(b"HTTP/1.1 200 OK")


def test_a_body_past_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(Answering, "LARGEST_BODY", 1000)
    length = head("POST / HTTP/1.1", HOST, "Content-Length: 1001", "Expect: 100-continue")
    chunks = head("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked") + b"3E9\r\n"
    with inside(answering([b"a"])) as served:
        for request in (length, chunks):
            assert talk(served.address, request, end=False).startswith(b"HTTP/1.1 413 ")
            # The refusal also reaches a client that goes on sending.
            assert talk(served.address, request + b"x" * 1001).startswith(b"HTTP/1.1 413 ")
        within = head("POST / HTTP/1.1", HOST, "Content-Length: 1000", body=b"x" * 1000)
        assert talk(served.address, within).startswith(b"HTTP/1.1 200 ")


def test_a_body_cut_off_by_the_client_is_a_400():
    request = head("POST / HTTP/1.1", HOST, "Content-Length: 5", body=b"he")
    with inside(answering([b"never called"])) as served:
        assert talk(served.address, request).startswith(b"HTTP/1.1 400 ")


def test_a_refusal_is_whole_whatever_python_makes_of_a_text_s_blank_lines(monkeypatch):
    def as_since_python_3_14(text):
        return re.sub(r"(?m)^\s+$", "", dedent(text))

    dedent = textwrap.dedent
    monkeypatch.setattr(textwrap, "dedent", as_since_python_3_14)
    with inside(answering([b"never called"])) as served:
        refused = talk(served.address, b"broken\r\n\r\n")
    begin, _, page = refused.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(page) in begin
    assert b"&#x27;broken&#x27;" in page


def test_flask_is_served():
    numbers = b"[1, 2, 3.5]"
    request = head("POST /sum HTTP/1.1", HOST, "Content-Type: application/json",
                   f"Content-Length: {len(numbers)}", body=numbers)  # fmt: skip
    with inside(flask) as served:
        assert body(talk(served.address, request)).strip() == b'{"sum":6.5}'
        assert b" 404 " in talk(served.address, GET)
