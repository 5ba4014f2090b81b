"""The OpenAPI document, made once: it is the same for everybody."""

import functools
from typing import Any

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView

from project.preconditions import etag


class Schema(SpectacularAPIView):
    """The stock view's notations and negotiation, without its work for each request."""

    def _get_schema_response(self, request: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        document, tag = _written(type(renderer))
        content_type = f"{renderer.media_type}; charset={renderer.charset}"
        headers = {"Cache-Control": "no-cache", "ETag": tag}  # no-cache: ask whether it still holds
        response = HttpResponse(document, headers=headers, content_type=content_type)
        found: HttpResponse = get_conditional_response(request._request, etag=tag, response=response)
        return found


@functools.cache
def _written(renderer: Any) -> tuple[bytes, str]:
    """Return the document in one notation, and its entity tag."""
    document: bytes = renderer().render(SchemaGenerator().get_schema(public=True))
    return document, etag(document)
