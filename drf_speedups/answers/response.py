"""The framework's response, with its content made before it is rendered."""

import json
from typing import Any

from rest_framework.response import Response

from drf_speedups.eligibility.views import JSON


class FinishedResponse(Response):
    """Is for middleware and decorators what the framework's is: they may look at `data`.

    What they change there is rendered by the framework's own renderer.
    """

    _finished: bytes | None = None  # None once somebody has looked at the data
    _data: Any = None

    def __init__(self, body: bytes, status: int, headers: list[tuple[str, str]]) -> None:
        super().__init__(status=status, headers=dict(headers))
        self._finished = body

    @property
    def data(self) -> Any:
        """What was rendered, as the framework's serializers give it."""
        if self._finished is not None:
            self._data = json.loads(self._finished) if self._finished else None
            self._finished = None
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data, self._finished = value, None

    @property
    def rendered_content(self) -> Any:
        """The content: the finished one, as long as nobody can have changed the data."""
        if self._finished is None:
            return super().rendered_content
        self.headers["Content-Type"] = JSON
        if not self._finished:
            del self.headers["Content-Type"]
        return self._finished
