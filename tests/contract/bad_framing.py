"""Messages that are no HTTP, byte by byte; for the server that promises their statuses.

Each is a request and the status of its answer; None where the connection is closed without one,
because the client closed it first.
"""

from tests.contract.raw import CHUNKED, HOST, JSON, head

ITEM = b'{"name": "x", "price": 1}'
GET, POST = "GET /items/ HTTP/1.1", "POST /items/ HTTP/1.1"
LENGTH = f"Content-Length: {len(ITEM)}"


def _post(*headers: str, body: bytes = ITEM) -> bytes:
    return head(POST, HOST, JSON, *headers, body=body)


def _line(line: str) -> bytes:
    return head(line, HOST)


REQUEST_LINES: dict[str, tuple[bytes, int | None]] = {
    "no version": (_line("GET /items/"), 400),
    "a version in lower case": (_line("GET /items/ http/1.1"), 400),
    "a version without its minor": (_line("GET /items/ HTTP/1"), 400),
    "HTTP/2 by name": (_line("GET /items/ HTTP/2.0"), 400),
    "HTTP/0.9 by name": (_line("GET /items/ HTTP/0.9"), 400),
    "another protocol": (_line("GET /items/ RTSP/1.0"), 400),
    "HTTP/0.9": (b"GET /items/\r\n", 400),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 50 + b"\r\n", 400),
    "binary": (bytes(range(128, 256)) + b"\r\n\r\n", 400),
    "a method in lower case": (_line("get /items/ HTTP/1.1"), 400),
    "a method in mixed case": (_line("Get /items/ HTTP/1.1"), 400),
    "a method of 21 letters": (_line("A" * 21 + " /items/ HTTP/1.1"), 400),
    "a method with a bracket": (_line("GE(T /items/ HTTP/1.1"), 400),
    "no method": (_line(" /items/ HTTP/1.1"), 400),
    "an unknown method": (_line("FOO /items/ HTTP/1.1"), 405),
    "TRACE": (_line("TRACE /items/ HTTP/1.1"), 405),
    "PROPFIND": (_line("PROPFIND /items/ HTTP/1.1"), 405),
    "CONNECT": (_line("CONNECT /items/ HTTP/1.1"), 405),
    "CONNECT to a port": (_line("CONNECT 127.0.0.1:80 HTTP/1.1"), 404),
    "OPTIONS of the server": (_line("OPTIONS * HTTP/1.1"), 404),
    "a star for another method": (_line("GET * HTTP/1.1"), 400),
    "no target": (_line("GET  HTTP/1.1"), 400),
    "a target without its slash": (_line("GET items/ HTTP/1.1"), 400),
    "a blank in the target": (_line("GET /items/ x HTTP/1.1"), 400),
    "a tab in the target": (_line("GET /items/\t HTTP/1.1"), 400),
    "a NUL in the target": (_line("GET /items/\0 HTTP/1.1"), 400),
    "a raw byte in the target": (_line("GET /items/\xff HTTP/1.1"), 400),
    "a target of 5 kB": (_line(f"GET /items/?{'a' * 5000} HTTP/1.1"), 414),
    "a target of 70 kB": (_line(f"GET /items/?{'a' * 70_000} HTTP/1.1"), 414),
    "1,500 parameters": (_line(f"GET /items/?{'a&' * 1500} HTTP/1.1"), 400),
}

HEADERS: dict[str, tuple[bytes, int | None]] = {
    "no Host": (head(GET), 400),
    "an empty Host": (head(GET, "Host:"), 400),
    "two Hosts": (head(GET, HOST, "Host: localhost"), 400),
    "another's Host": (head(GET, "Host: evil.com"), 400),
    "a Host with a word for its port": (head(GET, "Host: 127.0.0.1:http"), 400),
    "a Host with a blank": (head(GET, "Host: a b"), 400),
    "a Host with a user": (head(GET, "Host: user@127.0.0.1"), 400),
    "a Host with a path": (head(GET, "Host: 127.0.0.1/x"), 400),
    "lines that end in LF": (b"GET /items/ HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    "one line that ends in LF": (b"GET /items/ HTTP/1.1\r\nA: b\nHost: 127.0.0.1\r\n\r\n", 400),
    "a CR in a value": (head(GET, HOST, "A: b\rc"), 400),
    "a NUL in a value": (head(GET, HOST, "A: b\0c"), 400),
    "a DEL in a value": (head(GET, HOST, "A: \x7f"), 400),
    "a folded header": (head(GET, HOST, "A: b\r\n c"), 400),
    "a blank before the colon": (head(GET, HOST, "A : b"), 400),
    "a blank before the name": (head(GET, " A: b", HOST), 400),
    "a header without a colon": (head(GET, HOST, "nothing"), 400),
    "a header without a name": (head(GET, HOST, ": b"), 400),
    "a bracket in a name": (head(GET, HOST, "A(B): c"), 400),
    "a raw byte in a name": (head(GET, HOST, "\xe9: c"), 400),
    "101 headers": (head(GET, HOST, *[f"A-{n}: b" for n in range(100)]), 431),
    "a header of 9 kB": (head(GET, HOST, "A: " + "b" * 9000), 431),
    "a header of 1 MB": (head(GET, HOST, "A: " + "b" * 1_000_000), 431),
    "an expectation nobody meets": (_post(LENGTH, "Expect: magic"), 417),
    "two content types": (_post(JSON, LENGTH), 400),
    "headers that end too soon": (b"GET /items/ HTTP/1.1\r\nHost: 127", None),
}

BODIES: dict[str, tuple[bytes, int | None]] = {
    "a length and chunks": (_post("Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), 400),
    "chunks and a length": (_post(CHUNKED, "Content-Length: 5", body=b"0\r\n\r\n"), 400),
    "two equal lengths": (_post(LENGTH, LENGTH), 400),
    "two lengths": (_post(LENGTH, "Content-Length: 1"), 400),
    "a list of lengths": (_post(f"{LENGTH}, {len(ITEM)}"), 400),
    "an empty length": (_post("Content-Length:"), 400),
    "a length with a plus": (_post(f"Content-Length: +{len(ITEM)}"), 400),
    "a negative length": (_post("Content-Length: -1"), 400),
    "a length with an underscore": (_post("Content-Length: 2_5"), 400),
    "a hexadecimal length": (_post("Content-Length: 0x19"), 400),
    "a length in other digits": (_post("Content-Length: \xb2"), 400),
    "a length past the limit": (_post("Content-Length: 1048577"), 413),
    "a length past 64 bits": (_post("Content-Length: 99999999999999999999"), 413),
    "a body shorter than its length": (_post("Content-Length: 25", body=ITEM[:9]), 400),
    "no body for its length": (_post("Content-Length: 25", body=b""), 400),
    "an unknown coding": (_post("Transfer-Encoding: xchunked"), 501),
    "chunks twice": (_post("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), 400),
    "chunks before another coding": (_post("Transfer-Encoding: chunked, gzip"), 400),
    "a coding without chunks": (_post("Transfer-Encoding: gzip"), 400),
    "identity": (_post("Transfer-Encoding: identity"), 400),
    "chunks in HTTP/1.0": (head("POST /items/ HTTP/1.0", HOST, CHUNKED, body=b"0\r\n\r\n"), 400),
    "a chunk size of words": (_post(CHUNKED, body=b"xy\r\nabc\r\n0\r\n\r\n"), 400),
    "no chunk size": (_post(CHUNKED, body=b"\r\nabc\r\n0\r\n\r\n"), 400),
    "a negative chunk size": (_post(CHUNKED, body=b"-3\r\nabc\r\n0\r\n\r\n"), 400),
    "a chunk size with 0x": (_post(CHUNKED, body=b"0x3\r\nabc\r\n0\r\n\r\n"), 400),
    "a chunk longer than its size": (_post(CHUNKED, body=b"3\r\nabcd\r\n0\r\n\r\n"), 400),
    "a CR in a chunk's extension": (_post(CHUNKED, body=b"3;a\rb\r\nabc\r\n0\r\n\r\n"), 400),
    "a Host in the trailers": (_post(CHUNKED, body=b"0\r\nHost: evil.com\r\n\r\n"), 400),
    "an empty chunked body": (_post(CHUNKED, body=b"0\r\n\r\n"), 400),
    "a chunk that ends too soon": (_post(CHUNKED, body=b"19\r\n" + ITEM[:9]), 400),
    "chunks without a last one": (_post(CHUNKED, body=b"19\r\n" + ITEM + b"\r\n"), 400),
    "chunks whose lines end in LF": (_post(CHUNKED, body=b"19\n" + ITEM + b"\n0\n\n"), 400),
    "a chunk of 16 exabytes": (_post(CHUNKED, body=b"f" * 16 + b"\r\nabc\r\n"), 413),
}  # fmt: skip
