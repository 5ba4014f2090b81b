"""A request as the worker has it, looked at without making a WSGI environment of it."""

import time
from typing import Any

from drf_speedups.answers.light_request import LightRequest, length


class WorkerRequest(LightRequest):
    """`META` is what its block of headers says, the same dictionary for many requests."""

    waited: float
    overlaps = True

    def __init__(self, request: Any, waited: float) -> None:
        self.META = request.head.environ
        self.path = request.path
        self.method = request.method
        self.query_string = request.query
        self.waited = waited
        self.started = time.perf_counter()
        self.in_database = 0.0
        self._request = request

    def whole(self) -> LightRequest:
        """Return the same with all of the environment in `META`."""
        return LightRequest(self._request.environ())

    def content(self) -> bytes:
        """Return the body. Raises `ValueError` for one that is too long."""
        length(self.META)
        body: bytes = self._request.body
        return body
