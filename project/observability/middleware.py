"""The outermost middleware when the service is observed: all answers of the application pass it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from drf_speedups.answers.light_request import Answer, LightRequest
from drf_speedups.express.lane import STARTED
from drf_speedups.overlap.lane import MOST
from project.database import timing
from project.database.timing import spent
from project.observability.tally import tally

WAITED = "drf_speedups.waited"  # seconds, from a worker that knows
ROUTE = "project.route"  # in the environment of an answered request
OVERLAPPING = 1 / MOST  # of a worker's slot: so many have one together
UNMATCHED = "unmatched"  # one label for all paths that lead nowhere

Environ = dict[str, Any]


class Observed:
    """Tallies each request and, with the setting SERVER_TIMING, tells the client."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        timing.wind_up()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        started = request.META.get(STARTED) or _begin()
        response = self.get_response(request)
        route = getattr(request.resolver_match, "route", UNMATCHED)
        took = _end(request.META, route, response.status_code, started)
        if settings.SERVER_TIMING:
            waited = request.META.get(WAITED)
            response["Server-Timing"] = _server_timing(waited, took, spent.seconds)
        return response

    @staticmethod
    def admits(environ: Environ) -> bool:
        """Look at every request."""
        return True

    @staticmethod
    def complete(request: LightRequest, answer: Answer) -> None:
        """Do the same for an answer of the express lane."""
        in_database = request.in_database or spent.seconds
        spent.seconds = 0.0
        request.META[ROUTE] = answer.route
        started, waited = request.started, request.waited
        slot = OVERLAPPING if request.overlaps else 1.0
        took = tally.end(
            request.method, answer.route, answer.status, started, waited, in_database, slot
        )  # fmt: skip
        if settings.SERVER_TIMING:
            shown = _server_timing(waited, took, in_database)
            answer.headers.append(("Server-Timing", shown))


def _begin() -> float:
    spent.seconds = 0.0
    return tally.begin()


def _end(environ: Environ, route: str, status: int, started: float) -> float:
    environ[ROUTE] = route
    method, waited = environ["REQUEST_METHOD"], environ.get(WAITED)
    return tally.end(method, route, status, started, waited, spent.seconds)


def _server_timing(waited: float | None, took: float, in_database: float) -> str:
    """Return the header's value, milliseconds; its parts add up to the time in this worker."""
    queue = "" if waited is None else f"queue;dur={1000 * waited:.2f}, "
    rest = took - in_database
    return f"{queue}db;dur={1000 * in_database:.2f}, app;dur={1000 * rest:.2f}"
