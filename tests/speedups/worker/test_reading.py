"""Our parser against gunicorn's own, on the same bytes, however they arrive."""

import pytest

from drf_speedups.worker.http.parser import LARGEST_SECTION, Parser
from drf_speedups.worker.http.request import GunicornRequest
from tests.contract.raw import HOST, head
from tests.speedups.worker.raw_requests import ALL, VALID
from tests.speedups.worker.reading import (
    INCOMPLETE,
    PEER,
    ROOM,
    SERVER,
    configured,
    gunicorns,
    ours,
)

# What ours answers otherwise, and why. Everything else is read alike.
DIFFERENCES = {
    "a chunk of 16 exabytes": (413, "it says so at once; gunicorn waits for the end of the chunk"),
}
SHORT = [case for case in ALL if len(ALL[case]) < 1000]
SETTINGS = [
    {},
    {"header_map": "dangerous"},
    {"header_map": "refuse"},
    {"forwarded_allow_ips": "10.0.0.1"},
    {"forwarder_headers": "X_A"},
    {"strip_header_spaces": True, "permit_obsolete_folding": True},
    {"permit_unconventional_http_method": True, "permit_unconventional_http_version": True},
    {"casefold_http_method": True, "permit_unconventional_http_method": True},
    {"limit_request_line": 30, "limit_request_fields": 3, "limit_request_field_size": 40},
    {"limit_request_line": 0},
    {"limit_request_line": 20_000},
]


def expected(case: str, data: bytes, **settings):
    seen = gunicorns(configured(**settings), data)
    if case in DIFFERENCES:
        seen[-1] = DIFFERENCES[case][0]
    return seen


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_request_means_what_gunicorn_takes_it_for(settings):
    cfg = configured(**settings)
    for case in SHORT if settings else ALL:
        data = ALL[case]
        assert (case, ours(cfg, [data])) == (case, expected(case, data, **settings))


def test_it_means_the_same_when_it_was_seen_before():
    heads: dict = {}
    cfg = configured()
    for case in [*SHORT, *SHORT]:
        data = ALL[case]
        assert (case, ours(cfg, [data], heads)) == (case, expected(case, data))
    assert heads


@pytest.mark.parametrize("case", SHORT)
def test_it_means_the_same_split_anywhere(case):
    data, cfg = ALL[case], configured()
    whole = expected(case, data)
    for at in range(len(data) % 3, len(data) + 1, 3):
        assert ours(cfg, [data[:at], data[at:]]) == whole
    assert ours(cfg, [data[at : at + 1] for at in range(len(data))]) == whole


def test_a_long_request_means_the_same_in_small_pieces():
    cfg = configured()
    for case in ALL.keys() - SHORT:
        data = ALL[case]
        pieces = [data[at : at + 611] for at in range(0, len(data), 611)]
        assert (case, ours(cfg, pieces)) == (case, expected(case, data))


def test_pipelined_requests_are_read_one_after_the_other():
    cfg = configured()
    for case, data in VALID.items():
        twice = data + data
        assert (case, ours(cfg, [twice])) == (case, gunicorns(cfg, twice))


def test_a_tunnel_does_not_make_others_close():
    heads: dict = {}
    cfg = configured()
    assert ours(cfg, [head("CONNECT /a HTTP/1.1", HOST)], heads)[0][2] is True
    assert ours(cfg, [head("GET /a HTTP/1.1", HOST)], heads)[0][2] is False


def test_trust_in_a_proxy_is_not_remembered_for_another_client():
    cfg = configured(forwarded_allow_ips="127.0.0.1")
    heads: dict = {}
    request = head("GET / HTTP/1.1", HOST, "X-Forwarded-Proto: https")
    schemes = []
    for peer in (PEER, ("10.0.0.1", 5), "", "/client.sock", PEER):
        parser = Parser(cfg, peer, SERVER, heads, 100, ROOM)
        parser.feed(request)
        read = parser.next()
        assert read is not None
        schemes.append((read.environ()["wsgi.url_scheme"], read.environ()["REMOTE_ADDR"]))
    assert schemes == [
        ("https", "127.0.0.1"), ("http", "10.0.0.1"), ("https", ""), ("https", "/client.sock"),
        ("https", "127.0.0.1"),
    ]  # fmt: skip


def test_no_hook_can_change_what_is_remembered():
    heads: dict = {}
    cfg = configured()
    for _ in range(2):
        parser = Parser(cfg, PEER, SERVER, heads, 100, ROOM)
        parser.feed(head("GET / HTTP/1.1", HOST))
        request = parser.next()
        assert request is not None
        environ = request.environ()
        assert environ["HTTP_HOST"] == "127.0.0.1"
        environ["HTTP_HOST"] = "changed"
        assert not request.should_close()
        request.force_close()
        assert isinstance(request.headers, tuple)


def test_memory_of_heads_and_of_small_chunks_is_bounded():
    heads: dict = {}
    cfg = configured()
    for number in range(3000):
        ours(cfg, [head("GET / HTTP/1.1", f"A: {number}")], heads)
    ours(cfg, [head("GET / HTTP/1.1", f"A: {'b' * 3000}")], heads)
    assert len(heads) <= 1024
    parser = Parser(cfg, PEER, SERVER, heads, 1000, ROOM)
    parser.feed(head("POST / HTTP/1.1", "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 900)
    assert parser.next() is None
    assert not parser.buffer  # what is decoded is not kept twice


def test_the_parser_in_c_is_never_asked():
    # It lets bare LF and folded headers through.
    assert GunicornRequest._parse_fast is GunicornRequest._parse_python


def test_an_endless_head_is_refused_long_before_its_end():
    cfg = configured()
    assert ours(cfg, [b"GET /" + b"a" * 9000]) == [414]
    assert ours(cfg, [b"GET / HTTP/1.1\r\n", *[b"A: b\r\n" * 1000] * 300]) == [431]
    chunked = head("POST / HTTP/1.1", "Transfer-Encoding: chunked")
    assert ours(cfg, [chunked, *[b"1" * 5000] * 2]) == [400]
    assert ours(cfg, [chunked + b"0\r\n", *[b"A: b\r\n" * 1000] * 300]) == [431]
    assert ours(cfg, [chunked + b"0\r\nA: b\n"]) == [400]
    assert ours(cfg, [chunked + b"0\r\nA: b\r\n"]) == [INCOMPLETE]


@pytest.mark.parametrize("before", [
    b"GET / HTTP/1.1\r\n", head("POST / HTTP/1.1", "Transfer-Encoding: chunked") + b"0\r\n",
], ids=["head", "trailers"])  # fmt: skip
def test_more_than_a_connection_may_hold_is_refused_however_it_comes(before):
    cfg = configured()
    fields = [f"A: {'b' * 8000}\r\n".encode()] * (LARGEST_SECTION // 8005 + 1)
    whole = [before, *fields, b"\r\n"]
    within = [before, *fields[2:], b"\r\n"]
    for pieces in (whole, [b"".join(whole)], whole[:-1]):
        assert ours(cfg, pieces) == [431]
    for pieces in (within, [b"".join(within)]):
        assert ours(cfg, pieces) == gunicorns(cfg, b"".join(within))
    long_line = [b"GET /", b"a" * LARGEST_SECTION, b" HTTP/1.1\r\n\r\n"]
    assert ours(cfg, long_line) == ours(cfg, [b"".join(long_line)]) == [414]
