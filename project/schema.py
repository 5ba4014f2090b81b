"""The OpenAPI document, made once: it is the same for everybody; and the page that shows it."""

import functools
from collections.abc import Hashable
from typing import Any

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from project.requests.preconditions import etag


class Schema(SpectacularAPIView):
    """The stock view's notations and negotiation, without its work for each request."""

    def _get_schema_response(self, request: Any) -> Any:
        renderer = request.accepted_renderer
        document, tag = _written(renderer.__class__)
        content_type = f"{renderer.media_type}; charset={renderer.charset}"
        headers = {"Cache-Control": "no-cache", "ETag": tag}  # no-cache: ask whether it still holds
        response = HttpResponse(document, headers=headers, content_type=content_type)
        return get_conditional_response(request._request, etag=tag, response=response)


class Docs(SpectacularSwaggerView):
    """The stock page, whose template is for GET alone."""

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Name the methods, in `Allow`."""
        return HttpResponse()


@functools.cache
def _written(renderer: Hashable) -> tuple[bytes, str]:
    """Return the document as a class of renderers writes it, and its entity tag."""
    writing: Any = renderer
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]
    document: bytes = writing().render(generator.get_schema(public=True))
    return document, etag(document)
