"""A lane of an application: what it answers is framed as any answer, whatever its headers are."""

import functools
from types import SimpleNamespace

import pytest

from drf_speedups.worker.overlapping import own_lane
from tests.contract.raw import HOST, head
from tests.speedups.library.standing_before import Before
from tests.speedups.worker.applications import answering
from tests.speedups.worker.serving import inside, talk


class Lane:
    """Answers each request at once."""

    def __init__(self, *headers, status=200, content=b"fine"):
        self.answer = SimpleNamespace(status=status, headers=[*headers], body=content)
        self.pending = []

    def begin(self, request, waited):
        self.pending.append(SimpleNamespace(answer=self.answer, is_late=False, client=None))
        return self.pending[-1]

    def done(self):
        while self.pending:
            yield self.pending.pop(0)

    def open(self, poller, longest_wait):
        pass

    def close(self):
        pass

    def is_full(self):
        return False

    def flush(self):
        pass

    def patience(self, seconds):
        return 0.0 if self.pending else seconds


def answered(lane):
    """Return the heads of two answers on one connection, and what stands between them."""
    application = answering([b"not by the lane"])
    application.overlap = lane
    twice = head("GET / HTTP/1.1", HOST) + head("GET / HTTP/1.1", HOST, "Connection: close")
    with inside(application) as served:
        return talk(served.address, twice)


@pytest.mark.parametrize("said", [(), (("Content-Length", "4"),), (("content-length", "4"),)])
def test_an_answer_says_its_length_once(said):
    text = answered(Lane(("X-A", "b"), *said))
    assert text.lower().count(b"content-length: 4\r\n") == 2
    assert text.lower().count(b"content-length") == 2
    assert text.count(b"\r\n\r\nfine") == 2


def test_an_answer_without_content_says_no_length():
    text = answered(Lane(status=204, content=b""))
    assert text.count(b"HTTP/1.1 204 No Content\r\n") == 2
    assert b"Content-Length" not in text


def test_what_was_begun_is_sent_before_the_application_takes_its_time():
    happened = []

    class Half(Lane):
        def begin(self, request, waited):
            happened.append(request.path)
            return super().begin(request, waited) if request.path == "/lane" else None

        def flush(self):
            happened.append("flush")

    def application(environ, start_response):
        happened.append("application")
        return answering([b"fine"])(environ, start_response)

    application.overlap = Half()  # type: ignore[attr-defined]
    with inside(application) as served:
        talk(served.address, head("GET /lane HTTP/1.1", HOST)
             + head("GET /other HTTP/1.1", HOST, "Connection: close"))  # fmt: skip
    assert happened == ["/lane", "/other", "flush", "application"]


class Wall:
    """Stands around an application and says that it had all that the application has."""

    def __init__(self, application):
        self.application = application

    def __call__(self, *args):
        return self.application(*args)

    def __getattr__(self, name):
        return getattr(self.application, name)


def test_a_lane_is_not_that_of_who_stands_around_its_application():
    application = answering([b"not by the lane"])
    application.overlap = lane = Lane()

    @functools.wraps(application)
    def around(*args):
        return application(*args)

    assert own_lane(application) is lane
    assert vars(around)["overlap"] is lane
    for one in (around, Wall(application), Before(application, print)):
        assert own_lane(one) is None
