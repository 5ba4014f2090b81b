"""Pages of other origins that call the service: django-cors-headers, in both lanes."""

from collections.abc import Callable
from typing import Any

from corsheaders.middleware import CorsMiddleware

from speedups.answers.asked import Answer


class Origins(CorsMiddleware):
    """That middleware, which leaves the express lane open for whoever is no other page."""

    @staticmethod
    def express(
        environ: dict[str, Any], answer: Callable[[dict[str, Any]], Answer | None]
    ) -> Answer | None:
        """Leave requests of other origins to Django; caches hear that those differ."""
        if "HTTP_ORIGIN" in environ:
            return None
        found = answer(environ)
        if found is not None:
            found.headers.append(("Vary", "origin"))
        return found
