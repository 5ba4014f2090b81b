"""The outermost middleware when the service is observed: all answers of the application pass it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from project import database_clock
from project.database_clock import spent
from project.tally import tally
from speedups.answers.asked import Answer

WAITED = "speedups.waited"  # seconds, from a worker that knows
STARTED = "project.started"  # when the express lane took up what it leaves to Django
ROUTE = "project.route"  # in the environment of an answered request
UNMATCHED = "unmatched"  # one label for all paths that lead nowhere

Environ = dict[str, Any]


class Observed:
    """Tallies each request and, with the setting SERVER_TIMING, tells the client."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        database_clock.wind_up()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        started = request.META.get(STARTED) or _begin()
        response = self.get_response(request)
        route = getattr(request.resolver_match, "route", UNMATCHED)
        took = _end(request.META, route, response.status_code, started)
        if settings.SERVER_TIMING:
            response["Server-Timing"] = _server_timing(request.META, took)
        return response

    @staticmethod
    def express(environ: Environ, answer: Callable[[Environ], Answer | None]) -> Answer | None:
        """Do the same for a request of the express lane."""
        started = _begin()
        found = answer(environ)
        if found is None:
            environ[STARTED] = started  # what failed in the lane may have taken long
            return None
        took = _end(environ, found.route, found.status, started)
        if settings.SERVER_TIMING:
            found.headers.append(("Server-Timing", _server_timing(environ, took)))
        return found


def _begin() -> float:
    spent.seconds = 0.0
    return tally.begin()


def _end(environ: Environ, route: str, status: int, started: float) -> float:
    environ[ROUTE] = route
    method, waited = environ["REQUEST_METHOD"], environ.get(WAITED)
    return tally.end(method, route, status, started, waited, spent.seconds)


def _server_timing(environ: Environ, took: float) -> str:
    """Return the header's value, milliseconds; its parts add up to the time in this worker."""
    waited: float | None = environ.get(WAITED)
    queue = "" if waited is None else f"queue;dur={1000 * waited:.2f}, "
    rest = took - spent.seconds
    return f"{queue}db;dur={1000 * spent.seconds:.2f}, app;dur={1000 * rest:.2f}"
