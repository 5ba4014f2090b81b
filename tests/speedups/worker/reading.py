"""The same bytes read by gunicorn's own parser and by ours, told in the same words."""

import functools
from collections.abc import Iterable
from typing import Any

from gunicorn.config import Config
from gunicorn.http import errors, wsgi
from gunicorn.http.parser import RequestParser

from drf_speedups.worker.http.body import TooLargeError
from drf_speedups.worker.http.parser import Parser
from drf_speedups.worker.spool import Room
from tests.speedups.worker.applications import visible

PEER, SERVER = ("127.0.0.1", 5), ("127.0.0.1", 80)
LARGEST_BODY = 2**20
ROOM = Room(memory=2**20, files=2**24)
INCOMPLETE = "incomplete"
STATUSES = {
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    errors.ExpectationFailed: 417,
    errors.ConfigurationProblem: 500,
    TooLargeError: 413,
}
OURS_ONLY = {"gunicorn.socket", "wsgi.early_hints", "wsgi.input", "REMOTE_PORT"}
Outcome = list[Any]  # of each request its environment, body and end; last an error's status


class Continued:
    """A socket that takes `100 Continue`."""

    def send(self, data: bytes) -> int:
        return len(data)


@functools.cache  # each has 120 settings to make
def configured(**settings: Any) -> Config:
    cfg = Config()
    cfg.set("http_parser", "python")
    for name, value in settings.items():
        cfg.set(name, value)
    return cfg


def _seen(environ: dict[str, Any]) -> dict[str, Any]:
    return visible({name: environ[name] for name in environ if name not in OURS_ONLY})


def gunicorns(cfg: Config, data: bytes) -> Outcome:
    """Return how gunicorn's Python parser reads the bytes."""
    seen: Outcome = []
    requests = RequestParser(cfg, iter([data]) if data else iter(()), PEER)
    try:
        for request in requests:
            _, environ = wsgi.create(request, Continued(), PEER, SERVER, cfg)
            body = request.body.read()
            length = environ.get("CONTENT_LENGTH")
            if length and len(body) < int(length):
                # Nobody would buffer it, whether it comes or not.
                seen.append(413 if int(length) > LARGEST_BODY else INCOMPLETE)
                return seen
            seen.append((_seen(environ), body, request.should_close()))
    except errors.NoMoreData:
        seen.append(INCOMPLETE)
    except errors.ChunkMissingTerminator as error:
        seen.append(INCOMPLETE if len(error.term) < 2 else 400)
    except errors.ParseException as error:
        seen.append(STATUSES.get(type(error), 400))
    except errors.ConfigurationProblem:
        seen.append(500)
    return seen


def ours(cfg: Config, pieces: Iterable[bytes], heads: dict[Any, Any] | None = None) -> Outcome:
    """Return how our parser reads the bytes when they come in these pieces."""
    seen: Outcome = []
    parser = Parser(cfg, PEER, SERVER, {} if heads is None else heads, LARGEST_BODY, ROOM)
    try:
        for piece in pieces:
            parser.feed(piece)
            while request := parser.next():
                seen.append((_seen(request.environ()), request.body, request.should_close()))
                if request.should_close():
                    return seen
    except (errors.ParseException, errors.ConfigurationProblem, TooLargeError) as error:
        seen.append(STATUSES.get(type(error), 400))
        return seen
    return [*seen, INCOMPLETE] if parser.buffer or parser.request else seen
