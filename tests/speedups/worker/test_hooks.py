"""What hooks and the access log see of requests. The worker runs in a thread here."""

import logging
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import answering, failing
from tests.speedups.worker.serving import eventually, inside, talk

GET = head("GET / HTTP/1.1", HOST)


def test_hooks_and_access_log_see_each_request_once():
    seen: list[tuple[Any, ...]] = []

    def access(response, request, environ, spent):
        headers = dict(request.headers)
        seen.append(("log", response.status, response.sent, headers["HOST"], environ["PATH_INFO"],
                     spent.total_seconds() >= 0))  # fmt: skip

    hooks = {
        "pre_request": lambda worker, request: seen.append(("pre", request.method, request.path)),
        "post_request": lambda worker, request, environ, response: seen.append(
            ("post", request.uri, response.status_code)
        ),
    }
    with inside(answering([b"ab"], ("Content-Length", "2")), **hooks) as served:
        served.worker.log = SimpleNamespace(access=access, debug=print, exception=print)
        talk(served.address, head("GET /a?b HTTP/1.1", HOST))
    assert seen == [("pre", "GET", "/a"), ("log", "200 OK", 2, "127.0.0.1", "/a", True),
                    ("post", "/a?b", 200)]  # fmt: skip


def test_a_failed_request_is_logged_once_with_its_500(capfd):
    with inside(answering(failing()), accesslog="-", access_log_format="%(m)s %(s)s") as served:
        talk(served.address, GET)
    assert capfd.readouterr().out.splitlines() == ["GET 500"]


def test_what_an_application_has_answered_by_itself_is_no_line_of_the_access_log(capfd, caplog):
    def taken(environ, start_response):
        raise StopIteration

    with inside(taken, accesslog="-") as served:
        assert talk(served.address, GET) == b""
    assert capfd.readouterr().out == ""
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


@pytest.mark.parametrize("error", [ValueError, SystemExit])
@pytest.mark.parametrize("hook", ["pre_request", "post_request"])
def test_a_hook_that_raises_ends_no_worker(hook, error):
    def broken(*args):
        raise error("broken")

    def broken_before(worker, request):
        broken()

    def broken_after(worker, request, environ, response):
        broken()  # gunicorn counts the parameters of its hooks

    broken_hook = broken_before if hook == "pre_request" else broken_after
    with inside(answering([b"a"]), **{hook: broken_hook}) as served:
        status = 500 if hook == "pre_request" else 200
        for _ in range(2):
            said = talk(served.address, GET)
            assert said.startswith(b"HTTP/1.1 %d " % status)
            assert said.count(b"HTTP/1.1 ") == 1


def has(seen, number):
    return len(seen) == number


def test_hooks_may_change_all_that_gunicorns_request_offers():
    seen: list[dict[str, Any]] = []

    def pre_request(worker, request):
        request.headers.append(("X-ADDED", "by a hook"))
        request.remote_addr = ("10.0.0.1", 5)
        request.scheme = "https"
        request.path = "/changed"
        request.started = 1.0  # hooks keep what they measure on the request
        assert (request.peer_addr[0], request.fragment) == ("127.0.0.1", "c")
        assert request.trailers == [("T", "d")]
        assert request.body.read() == b"hello"
        request.body.seek(0)

    def post_request(worker, request, environ, response):
        seen.append(environ)
        assert request.started == 1.0

    chunked = head("POST /a?b#c HTTP/1.1", HOST, "Transfer-Encoding: chunked",
                   body=b"5\r\nhello\r\n0\r\nT: d\r\n\r\n")  # fmt: skip
    hooks = {"pre_request": pre_request, "post_request": post_request}
    with inside(answering([b"ab"], ("Content-Length", "2")), **hooks) as served:
        for number in (1, 2):
            assert talk(served.address, chunked).startswith(b"HTTP/1.1 200 ")
            eventually(partial(has, seen, number))
    for environ in seen:
        assert environ["HTTP_X_ADDED"] == "by a hook"
        assert environ["wsgi.url_scheme"] == "https"
        assert environ["PATH_INFO"] == "/changed"
        assert environ["wsgi.input"].read() == b"hello"


def test_a_hook_sees_whether_the_application_has_begun_to_answer():
    seen: list[str | None] = []

    def post_request(worker, request, environ, response):
        seen.append(response.status)

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/raise":
            raise ValueError
        return answering([b"a"])(environ, start_response)

    with inside(application, post_request=post_request) as served:
        talk(served.address, GET + head("GET /raise HTTP/1.1", HOST))
        eventually(partial(has, seen, 2))
    assert seen == ["200 OK", None]  # as under gunicorn's own workers


def test_a_hook_may_close_the_connection():
    def pre_request(worker, request):
        request.force_close()

    with inside(answering([b"a"], ("Content-Length", "1")), pre_request=pre_request) as served:
        assert talk(served.address, GET + GET, end=False).count(b"Connection: close") == 1


def test_without_hooks_nothing_is_parsed_twice():
    with inside(answering([b"a"], ("Content-Length", "1"))) as served:
        assert not served.worker.hooks.want_all
        talk(served.address, GET)
        assert len(served.worker.heads) == 1
