"""An answer is never much larger, and never much dearer, than its question."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from gunicorn.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drf_speedups.worker.http.body import TooLargeError
from drf_speedups.worker.http.parser import Parser
from drf_speedups.worker.spool import Room
from project.requests.parsers import MOST_SEPARATORS
from tests.project.production import PRODUCTION, ROOT

ROOM = Room(memory=2**24, files=2**24)
MEGABYTE = 1_000_000  # bytes; the limit of a body is a little more
DEAREST = 0.05  # seconds of a worker's CPU
PATIENCE = 5.0  # seconds in which the best counts: the machine is not ours alone
LONGEST_ERROR = 16_384  # bytes
# The application as gunicorn loads it, which answers one request for each line of its input.
APPLICATION = """
import base64, io, json, sys, time
from project.wsgi import application
for line in sys.stdin:
    asked, said = json.loads(line), []
    body = base64.b64decode(asked.pop("body"))
    environ = {
        "SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "SCRIPT_NAME": "",
        "HTTP_HOST": "localhost", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json",
        "REMOTE_ADDR": "10.0.0.1", **asked.pop("headers"), **asked,
    }
    started = time.process_time()
    answer = b"".join(application(environ, lambda status, _: said.append(status)))
    spent = time.process_time() - started
    print(json.dumps([int(said[0][:3]), len(answer), spent]), flush=True)
"""


@dataclass(repr=False)
class Question:
    """A request as WSGI has it; header names, too."""

    REQUEST_METHOD: str = "POST"
    PATH_INFO: str = "/items/"
    QUERY_STRING: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        headers = {name: value[:20] for name, value in self.headers.items()}
        return (f"{self.REQUEST_METHOD} {self.PATH_INFO[:20]!r}?{self.QUERY_STRING[:20]} {headers} "
                f"{self.body[:30]!r}…{self.body[-10:]!r}")  # fmt: skip

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Tell Hypothesis to print no megabyte."""
        printer.text(repr(self))

    def length(self) -> int:
        """Return its bytes, more or less."""
        words = [self.PATH_INFO, self.QUERY_STRING, *self.headers.values()]
        return len(self.body) + sum(map(len, words)) + 100

    def line(self) -> str:
        return json.dumps(asdict(self) | {"body": base64.b64encode(self.body).decode()})


Ask = Callable[[Question], tuple[int, int, float]]


@pytest.fixture(scope="module")
def ask(database) -> Iterator[Ask]:
    """Returns the status, the bytes and the CPU seconds of an answer."""
    env = {**PRODUCTION, "DATABASE_URL": database.url, "API_AUTH": "none", "LOG_LEVEL": "CRITICAL",
           "DJANGO_SETTINGS_MODULE": "project.settings"}  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", APPLICATION], cwd=ROOT, env=env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as program:  # fmt: skip

        def ask(question: Question) -> tuple[int, int, float]:
            assert program.stdin
            assert program.stdout
            print(question.line(), file=program.stdin, flush=True)
            status, length, spent = json.loads(program.stdout.readline())
            return status, length, spent

        for method, path in (("POST", "/items/"), ("GET", "/schema/"), ("GET", "/docs/")):
            for accept in ("*/*", "application/json", "application/vnd.oai.openapi+json"):
                ask(Question(method, path, headers={"HTTP_ACCEPT": accept}))  # what is done once
        yield ask
        assert program.stdin
        program.stdin.close()


def assert_cheap(ask: Ask, question: Question) -> int:
    until = time.monotonic() + PATIENCE
    status, length, spent = ask(question)
    while spent > DEAREST and time.monotonic() < until:
        spent = min(spent, ask(question)[2])
    assert spent <= DEAREST
    assert status < 500
    if status >= 400:
        assert length <= LONGEST_ERROR
    elif question.PATH_INFO.startswith("/items"):  # without rows, it is links or an item
        assert length <= 8 * question.length() + 1024
    return status


def many(unit: str, begin: str = "[", end: str = "]", between: str = ",") -> bytes:
    """Return a body of a megabyte that repeats a unit, in which `{}` is a number of its own."""
    numbers = unit.count("{}")
    count = MEGABYTE // (len(unit.format(*[0] * numbers).encode()) + len(between) + 5 * numbers)
    made = (unit.format(*[n] * numbers) for n in range(count))
    units = made if numbers else [next(made)] * count
    return f"{begin}{between.join(units)}{end}".encode()


def text(unit: str, name: str = "name") -> bytes:
    return many(unit, f'{{"price": 1, "{name}": "', '"}', "")


def name(unit: str) -> bytes:
    return many(unit, '{"', '": 1}', "")


def in_few(unit: bytes) -> bytes:
    """Return a body with as many values as are taken, each as long as a megabyte lets it be."""
    count = MOST_SEPARATORS - 2
    return b"[" + b",".join([unit * (MEGABYTE // count // len(unit))] * count) + b"]"


BODIES = {
    "unknown names": many('"{}":0', "{", "}"),
    "unknown names, as many as are read": b"{%b}" % b",".join(
        b'"%0230d": 0' % n for n in range(MOST_SEPARATORS - 1)
    ),
    "one name many times": many('"name":"x"', "{", "}"),
    "empty lists": many("[]"), "empty objects": many("{{}}"), "small numbers": many("1"),
    "one long number": b"9" * MEGABYTE, "numbers of 4,300 digits": many("9" * 4300),
    "numbers of 640 digits": many("9" * 640), "short numbers": in_few(b"9"),
    "a long fraction": b'{"price": 0.%b}' % (b"1" * MEGABYTE), "fractions": many("0." + "1" * 300),
    "a long exponent": b'{"price": 1e%b}' % (b"1" * MEGABYTE),
    "a long decimal": b'{"name": "x", "price": "%b"}' % (b"1" * MEGABYTE),
    "depth": b"[" * MEGABYTE, "some depth": b'{"a":' * 2000 + b"1" + b"}" * 2000,
    "a long name": name("~"), "an escaped name": name("\\u0001"), "a name of faces": name("😀"),
    "a long text": text("a"), "a text of faces": text("😀"), "a text of escapes": text("\\u0041"),
    "a text of quotes": text('\\"'), "a text of pairs": text("\\ud83d\\ude00"),
    "lone surrogates": text("\\ud800"), "a blank text": text(" "), "wide blanks": text("　"),
    "commas in a text": text(","), "a long description": text("a", "description"),
    "blanks": b" " * MEGABYTE + b"{}", "quotes": b'"' * MEGABYTE, "backslashes": text("\\\\"),
    "no UTF-8": b"\xff" * MEGABYTE, "minus signs": b"-" * MEGABYTE, "colons": b":" * MEGABYTE,
}  # fmt: skip
HEADERS = (
    "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_AUTHORIZATION", "CONTENT_TYPE", "HTTP_COOKIE",
    "HTTP_HOST", "HTTP_IDEMPOTENCY_KEY", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_ORIGIN",
    "HTTP_RANGE", "HTTP_X_FORWARDED_FOR", "HTTP_X_REQUEST_ID",
)  # fmt: skip
VALUES = ("a/b,", "*/*;q=0.1,", 'a/b;x="', ";", ",", '"x",', "a=b;", "0-1,", "é", "1")
PATHS = ("/items/", "/items/1/", "/livez", "/schema/", "/docs/", "/static/x", "/nowhere")
METHODS = ("GET", "POST", "PATCH", "DELETE", "OPTIONS")
HEAD = 65_536  # bytes, which is all that a worker reads of one
LINE = 4000  # characters of a request line


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_is_dear(ask, method, body):
    path = "/items/" if method == "POST" else "/items/1/"
    assert assert_cheap(ask, Question(method, path, body=body)) in {400, 404}


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_is_dear(ask, header):
    for value in VALUES:
        long = value * (HEAD // len(value))
        for path in PATHS:
            for method in ("GET", "POST"):
                assert_cheap(ask, Question(method, path, headers={header: long}, body=b"{}"))


UNITS = st.sampled_from([
    "[", "]", "{{", "}}", "[]", "{{}}", '"{}":0', '"name":"x"', '"', "\\", "\\u0041", "\\ud83d",
    "0", "9", "-", ".", "e", "1e5", "true", "null", " ", "\t", "~", "/", "é", "😀", "\u2028", ":",
])  # fmt: skip
LONG_PATHS = st.characters(max_codepoint=255).map(lambda unit: f"/{unit * 1000}")
QUERIES = st.builds(
    lambda form, unit: form.format(unit * (LINE // len(unit))),
    st.sampled_from(["", "limit={}", "cursor={}", "x={}", "{}"]),
    st.sampled_from(["a=b&", "a&", "%41", "9", "'", "cD0x", "%ff", "é", "+"]),
)
BODY_PARTS = (
    st.lists(UNITS, min_size=1, max_size=3).map("".join),
    st.sampled_from(["", "[", "{", '{"', '{"name": "', '{"price": ', '{"name": [']),
    st.sampled_from(["", "]", "}", '"}', "]}", '": 1}']),
    st.sampled_from([",", "", ":"]),
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Draw a request in which something is long."""
    return Question(
        draw(st.sampled_from(METHODS)),
        draw(st.sampled_from(PATHS) | LONG_PATHS),
        draw(QUERIES),
        {draw(st.sampled_from(HEADERS)): 2000 * draw(st.sampled_from(VALUES))},
        many(*(draw(part) for part in BODY_PARTS)),
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(question=questions())
def test_no_request_is_dear(ask, question):
    assert_cheap(ask, question)


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"1;a=b\r\nx\r\n"])
def test_a_body_in_many_pieces_is_refused_before_it_is_dear(chunk):
    parser = Parser(Config(), ("10.0.0.1", 1), ("10.0.0.2", 80), {}, MEGABYTE, ROOM)
    parser.feed(b"POST /items/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    started = time.process_time()
    with pytest.raises(TooLargeError):
        for _ in range(MEGABYTE // 1000):
            parser.feed(1000 * chunk)
            parser.next()
    assert time.process_time() - started < 3 * DEAREST  # as a slow machine has it
