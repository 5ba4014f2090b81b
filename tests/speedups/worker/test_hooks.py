"""What hooks and the access log see of requests. The worker runs in a thread here."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import answering, failing
from tests.speedups.worker.serving import inside, talk

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


@pytest.mark.parametrize("hook", ["pre_request", "post_request"])
def test_a_hook_that_raises_ends_no_worker(hook):
    def broken(*args):
        raise ValueError("broken")

    def broken_before(worker, request):
        broken()

    def broken_after(worker, request, environ, response):
        broken()  # gunicorn counts the parameters of its hooks

    broken_hook = broken_before if hook == "pre_request" else broken_after
    with inside(answering([b"a"]), **{hook: broken_hook}) as served:
        status = 500 if hook == "pre_request" else 200
        for _ in range(2):
            assert talk(served.address, GET).startswith(b"HTTP/1.1 %d " % status)
