"""Where a request leads, for a middleware that may answer it instead of the view."""

from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve


def match(request: HttpRequest) -> ResolverMatch | None:
    """Return what the request's path and method lead to, None if nothing.

    The request remembers it, so that logs and metrics know the route whoever answers. What is no
    view set may have any method.
    """
    try:
        request.resolver_match = found = resolve(request.path_info)
    except Resolver404:
        return None
    method = str(request.method).lower()
    return found if method in getattr(found.func, "actions", {method}) else None
