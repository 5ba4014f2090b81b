"""Where a request leads, for a middleware that may answer it instead of the view."""

from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve


def match(request: HttpRequest) -> ResolverMatch | None:
    """Return what the request's path leads to, None if nothing.

    The request remembers it, so that logs and metrics know the route whoever answers.
    """
    try:
        request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return None
    return request.resolver_match


def offers(found: ResolverMatch, method: str) -> bool:
    """Tell whether there is a view for the method; True if only the view itself knows."""
    return method.lower() in getattr(found.func, "actions", {method.lower()})
