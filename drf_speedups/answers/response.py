"""The framework's response, with its content made before it is rendered."""

import json
from typing import Any

from rest_framework.renderers import JSONRenderer
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
        """The content: the finished one, unless somebody has changed the data or its form."""
        if self._finished is None or not self._is_json():
            return super().rendered_content
        self.headers["Content-Type"] = JSON
        if not self._finished:
            del self.headers["Content-Type"]
        return self._finished

    def _is_json(self: Any) -> bool:
        """Tell whether plain JSON is asked for still: whoever gets an answer may choose."""
        renderer: Any = getattr(self, "accepted_renderer", None)
        if type(renderer) is not JSONRenderer or vars(renderer) or self.content_type is not None:
            return False
        return self.accepted_media_type == JSON and "indent" not in self.renderer_context
