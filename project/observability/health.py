"""Is the process alive, and may it get work?

Neither waits for the database longer than `PATIENCE`, however often it is asked.
"""

import functools
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from drf_speedups.server.current_worker import draining, has_links
from project.database.errors import FULL, in_short, one_line, warn
from project.observability.readiness import lacking
from project.requests.problems import RETRY_AFTER, problem

PATIENCE = 1.0  # seconds that the database may take
REMEMBERED = 1.0  # seconds for which its answer holds, however often one asks
ALLOW = {"Allow": "GET, HEAD, OPTIONS"}

_one_at_a_time = ThreadPoolExecutor(max_workers=1)
_check: Future[str] | None = None
_checked_at = 0.0


def _read_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    @functools.wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            return view(request)
        if request.method == "OPTIONS":
            return HttpResponse(headers=ALLOW)
        return problem(request, 405, f'Method "{request.method}" not allowed.', headers=ALLOW)

    return answer


@_read_only
def livez(request: HttpRequest) -> HttpResponse:
    """Alive: no database, no key, no log line."""
    return JsonResponse({"status": "alive"})


@_read_only
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready: the database has what requests need, and nobody has asked this process to stop."""
    if draining():
        return problem(request, 503, "Shutting down.", headers=RETRY_AFTER)
    if why := _why_not():
        return problem(request, 503, why, headers=RETRY_AFTER)
    return JsonResponse({"status": "ready"})


def _why_not() -> str:
    """Return why no work may come, nothing if it may."""
    global _check, _checked_at
    if _check is None or (_check.done() and time.monotonic() - _checked_at > REMEMBERED):
        _check, _checked_at = _one_at_a_time.submit(_ask_database), time.monotonic()
    try:
        return _check.result(timeout=max(0.0, _checked_at + PATIENCE - time.monotonic()))
    except TimeoutError:
        return "The database does not answer."


def _ask_database() -> str:
    """Ask over a connection of this thread, given back at once: it is in nobody's budget."""
    try:
        why = lacking()
    except Error as error:
        why = in_short(error)
        if why == FULL and has_links():  # then requests have what this probe does not get
            warn("Nobody else gets a connection.", one_line(error))
            return ""
        warn("Not ready.", one_line(error))
        return f"The database does not answer: {why}."
    finally:
        connection.close()
    if why:
        warn(why, "not ready")
        return f"Not ready: {why}."
    return ""
