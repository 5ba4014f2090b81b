"""What projects put around view sets, and what looks at the data of answers there."""

import functools
import json
from collections.abc import Callable
from typing import Any

from rest_framework import renderers


class Around:
    """A middleware that does nothing."""

    def __init__(self, get_response: Callable[..., Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Return the answer."""
        return self.get_response(request)


class Envelope(Around):
    """Wraps what views answer before it is rendered."""

    def process_template_response(self, _request: Any, response: Any) -> Any:
        """Wrap the data."""
        response.data = {"result": response.data, "status": response.status_code}
        return response


class LateEnvelope(Around):
    """Wraps it afterwards, and renders again."""

    def __call__(self, request: Any) -> Any:
        """Return the answer, wrapped."""
        response = self.get_response(request)
        if getattr(response, "data", None) is not None:
            response.data = {"result": response.data, "status": response.status_code}
            response.content = renderers.JSONRenderer().render(response.data)
        return response


class Looks(Around):
    """Only looks."""

    def process_template_response(self, _request: Any, response: Any) -> Any:
        """Say what was seen."""
        response["X-Seen"] = json.dumps(response.data)
        return response


def marked(view: Callable[..., Any]) -> Callable[..., Any]:
    """Change the data of each answer before it is rendered."""

    @functools.wraps(view)
    def around(*args: Any, **kwargs: Any) -> Any:
        response = view(*args, **kwargs)
        response.data |= {"marked": True}
        return response

    return around
