"""Requests byte by byte: valid ones here, and all that the contract calls bad."""

from tests.contract.bad_framing import BODIES, HEADERS, REQUEST_LINES
from tests.contract.bad_requests import BAD_PATHS
from tests.contract.raw import CHUNKED, HOST, head

GET = "GET /a/b?c=d HTTP/1.1"
POST = "POST /a HTTP/1.1"


def _post(*headers: str, body: bytes = b"hello") -> bytes:
    return head(POST, HOST, *headers, body=body)


VALID: dict[str, bytes] = {
    "GET": head(GET, HOST),
    "GET without headers": head(GET),
    "HEAD": head("HEAD / HTTP/1.1", HOST),
    "DELETE": head("DELETE /a HTTP/1.1", HOST),
    "OPTIONS": head("OPTIONS /a HTTP/1.1", HOST),
    "OPTIONS of the server": head("OPTIONS * HTTP/1.1", HOST),
    "CONNECT": head("CONNECT a:80 HTTP/1.1", HOST),
    "CONNECT to a path": head("CONNECT /a HTTP/1.1", HOST),
    "an unknown method": head("MKCALENDAR /a HTTP/1.1", HOST),
    "a method with a dash": head("M-SEARCH /a HTTP/1.1", HOST),
    "a method of three letters": head("PUT /a HTTP/1.1", HOST),
    "HTTP/1.0": head("GET /a HTTP/1.0"),
    "HTTP/1.0 kept": head("GET /a HTTP/1.0", HOST, "Connection: keep-alive"),
    "close": head(GET, HOST, "Connection: close"),
    "Close in capitals": head(GET, HOST, "CONNECTION: CLOSE"),
    "keep-alive": head(GET, HOST, "Connection: keep-alive"),
    "two options of the connection": head(GET, HOST, "Connection: close, x"),
    "absolute-form": head("GET http://example.com/x?y=z HTTP/1.1", HOST),
    "absolute-form without a path": head("GET http://example.com HTTP/1.1", HOST),
    "two slashes": head("GET //a//b?c HTTP/1.1", HOST),
    "a fragment": head("GET /a?b#c HTTP/1.1", HOST),
    "a fragment in the path": head("GET /a#b?c HTTP/1.1", HOST),
    "an empty query": head("GET /a? HTTP/1.1", HOST),
    "two question marks": head("GET /a?b?c HTTP/1.1", HOST),
    "every printable character": head(
        "GET /" + "".join(map(chr, range(0x21, 0x7F))).replace("#", "") + " HTTP/1.1", HOST
    ),
    "percent-encoding": head("GET /%41%2f%C3%A9%00%zz%?%41 HTTP/1.1", HOST),
    "dots": head("GET /a/../b/./c;d=e HTTP/1.1", HOST),
    "a colon in the path": head("GET /http://x:y HTTP/1.1", HOST),
    "brackets": head("GET /[a]?[b] HTTP/1.1", HOST),
    "a length": _post("Content-Length: 5"),
    "a length of nothing": _post("Content-Length: 0", body=b""),
    "a length with zeros": _post("Content-Length: 0005"),
    "a content type": _post("Content-Length: 5", "Content-Type: text/plain"),
    "a body of many lines": _post("Content-Length: 12", body=b"\r\n\r\nGET / x\r\n"[:12]),
    "GET with a body": head(GET, HOST, "Content-Length: 3", body=b"abc"),
    "chunks": _post(CHUNKED, body=b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    "chunks in capitals": _post(
        "TRANSFER-ENCODING: CHUNKED", body=b"A\r\n0123456789\r\n00\r\n\r\n"
    ),
    "chunks with extensions": _post(CHUNKED, body=b'5 ;a="b";c\r\nhello\r\n0;x=y\r\n\r\n'),
    "chunks with trailers": _post(CHUNKED, body=b"5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n"),
    "chunks with blanks": _post(CHUNKED, body=b"5\r\nhe\r\no\r\n0\r\n\r\n"),
    "no chunks": _post(CHUNKED, body=b"0\r\n\r\n"),
    "gzip and chunks": _post("Transfer-Encoding: gzip, chunked", body=b"1\r\nx\r\n0\r\n\r\n"),
    "duplicate headers": head(GET, HOST, "A: b", "A: c", "a: d"),
    "a header without a value": head(GET, HOST, "A:"),
    "blanks around a value": head(GET, HOST, "A: \t b \t "),
    "a raw byte in a value": head(GET, HOST, "A: \xe9\xff"),
    "a non-breaking blank in a value": head(GET, HOST, "A: \xa0b\xa0"),
    "underscores": head(GET, HOST, "X_A: b", "X-A: c"),
    "proxy headers": head(GET, HOST, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"),
    "two schemes": head(GET, HOST, "X-Forwarded-Proto: https", "X-Forwarded-Proto: http"),
    "a script name": head("GET /a/b HTTP/1.1", HOST, "Script-Name: /a"),
    "a script name by the proxy": head("GET /a/%41 HTTP/1.1", HOST, "SCRIPT_NAME: /a"),
    "another's script name": head("GET /b HTTP/1.1", HOST, "SCRIPT_NAME: /a"),
    "an address": head("GET http://[::1]/a HTTP/1.1", HOST),
    "a bad address": head("GET http://[::1/a HTTP/1.1", HOST),
    "a leading empty line": b"\r\n" + head(GET, HOST),
    "two leading empty lines": b"\r\n\r\n" + head(GET, HOST),
    "a leading line feed": b"\n" + head(GET, HOST),
    "a request line of the longest": head("GET /" + "a" * (4094 - 14) + " HTTP/1.1", HOST),
    "a request line too long by one": head("GET /" + "a" * (4094 - 13) + " HTTP/1.1", HOST),
    "100 headers": head(GET, *[f"A-{n}: b" for n in range(100)]),
    "HTTP/1.2": head("GET /a HTTP/1.2", HOST),
    "HTTP/1.9": head("GET /a HTTP/1.9", HOST, "Content-Length: 0"),
    "junk after a closed request": head(GET, HOST, "Connection: close", body=b"junk"),
    "junk after a request": head(GET, HOST, body=b"junk\r\n"),
    "half a second request": head(GET, HOST, body=head(GET, HOST)[:-3]),
    "half a second line": head(GET, HOST, body=b"GET /"),
    "three requests": head(GET, HOST) + _post("Content-Length: 5") + head("HEAD / HTTP/1.1", HOST),
}
EXPECTING: dict[str, bytes] = {
    "an expectation": _post("Content-Length: 5", "Expect: 100-continue"),
    "an expectation in HTTP/1.0": head(
        "POST /a HTTP/1.0", "Content-Length: 5", "Expect: 100-Continue", body=b"hello"
    ),
}
BAD: dict[str, bytes] = {
    name: request for name, (request, _status) in (REQUEST_LINES | HEADERS | BODIES).items()
} | {f"the path {path[:30]}": head(f"GET {path} HTTP/1.1", HOST) for path in BAD_PATHS}
ALL = VALID | EXPECTING | BAD
