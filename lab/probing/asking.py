"""One question and its answer, with the key of the environment; no redirect is followed."""

import contextlib
import http.client
import json
import os
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.errors import LabError

TIMEOUT = 10.0  # seconds
MOST = 32 * 1024 * 1024  # bytes of an answer: a document of thousands of routes has a few
MOST_SHOWN = 160  # characters of an answer
KEY = "LOCUST_API_KEY"
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Answer:
    """What came."""

    asked: str  # method and path
    status: int
    headers: Mapping[str, str]  # names in lower case
    text: str

    @property
    def json(self) -> Any:
        """The body; None when it is not JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def is_good(self) -> bool:
        """Whether it is done."""
        return 200 <= self.status < 300

    @property
    def location(self) -> str:
        """The path it leads to, or ""."""
        return urlsplit(self.headers.get("location", "")).path

    @property
    def sentence(self) -> str:
        """What was asked and what came, on one line."""
        where = f" to {self.location}" if self.location else ""
        body = " ".join(self.text.split())
        shown = body if len(body) <= MOST_SHOWN else f"{body[:MOST_SHOWN]}…"
        return f"{self.asked} answered {self.status}{where}" + (f" ({shown})" if shown else "")


@dataclass(frozen=True)
class Service:
    """A service at an address, and the header that a key is sent in."""

    url: str  # scheme, host and port
    auth_header: str = "Authorization: Bearer"

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request. Raises `LabError` when nothing answers, or not wholly, or too late."""
        parts = urlsplit(self.url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        try:
            connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
            connection.connect()
        except ssl.SSLError as error:
            raise LabError(
                f"{self.url}: no secure connection ({error}); a certificate that nobody knows is "
                "trusted if SSL_CERT_FILE names it"
            ) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise LabError(f"nothing answers at {self.url} ({error}): start it first") from error
        with contextlib.closing(connection):
            try:
                data = None if body is None else json.dumps(body)
                connection.request(method, path, data, self._headers(data is not None))
                answer = connection.getresponse()
                text = _plain(answer).decode(errors="replace")
            except (OSError, ValueError, zlib.error, http.client.HTTPException) as error:
                late = isinstance(error, TimeoutError)
                said = f"within {TIMEOUT:g} s" if late else f"({error or type(error).__name__})"
                raise LabError(f"{method} {path} was not answered {said}: see its log") from error
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(f"{method} {path}", answer.status, headers, text)

    def _headers(self, has_body: bool) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if has_body:
            headers["Content-Type"] = "application/json"
        if key := _key():
            name, _, scheme = self.auth_header.partition(":")
            headers[name] = f"{scheme.strip()} {key}".strip()
        return headers


def _plain(answer: http.client.HTTPResponse) -> bytes:
    """Return the body; some compress it though nobody asked for that."""
    body = answer.read(MOST)
    if answer.getheader("Content-Encoding", "") not in ("gzip", "deflate"):
        return body
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, MOST)


def _key() -> str:
    if file := os.environ.get(f"{KEY}_FILE"):
        try:
            return _sound(Path(file).read_text(encoding="utf-8"))
        except OSError as error:
            raise LabError(f"{KEY}_FILE: {error.strerror}: {file}") from error
        except UnicodeDecodeError as error:
            raise LabError(f"{KEY}_FILE: {file} is no text") from error
    return _sound(os.environ.get(KEY, ""))


def _sound(key: str) -> str:
    """Return a key that can be sent: whoever refuses to send it would show it."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise LabError(f"{KEY}: must be one line of letters, digits and signs of ASCII")
    return key
