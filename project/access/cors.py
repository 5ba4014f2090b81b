"""Pages of other origins that call the service: django-cors-headers, in both lanes."""

from typing import Any

from corsheaders.middleware import CorsMiddleware

from drf_speedups.answers.light_request import Answer, LightRequest


class Origins(CorsMiddleware):
    """That middleware, which leaves the express lane open for whoever is no other page."""

    @staticmethod
    def admits(environ: dict[str, Any]) -> bool:
        """Leave requests of other origins to Django."""
        return "HTTP_ORIGIN" not in environ

    @staticmethod
    def complete(request: LightRequest, answer: Answer) -> None:
        """Let caches hear that those differ."""
        answer.headers.append(("Vary", "origin"))
