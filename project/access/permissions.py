"""Who may do what: bearer keys with a scope, checked without a database query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.metadata import BaseMetadata
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from project.access.keys import Key, find_key

if TYPE_CHECKING:  # the views read the settings that name this module
    from rest_framework.views import APIView


class BearerKeys(BaseAuthentication):
    """Knows a client by `Authorization: Bearer SECRET`."""

    decides_by = ("HTTP_AUTHORIZATION",)  # see drf_speedups.express

    def authenticate(self, request: Request) -> tuple[Key, None] | None:
        """Return the client's key, nothing for a client that shows none.

        Raises `AuthenticationFailed` for a secret that is no key.
        """
        secret = shown_secret(request._request.META)
        if secret is None:
            return None
        key = find_key(secret, settings.API_KEYS)
        if key is None:
            raise AuthenticationFailed("This key is not known.")
        return key, None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="items"'


class HasScope(BasePermission):
    """Reading needs any key, everything else one with the scope `write`."""

    message = "This key may read but not write."
    decides_by: tuple[str, ...] = ()  # besides the method and who it is

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the key's scope covers the method."""
        return isinstance(request.user, Key) and _covers(request.user, request.method)


def _covers(key: Key, method: str | None) -> bool:
    return method in SAFE_METHODS or key.scope == "write"


def shown_secret(environ: Mapping[str, Any]) -> str | None:
    """Return the secret that a client shows as `Bearer`, if it does."""
    scheme, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def key_name(environ: Mapping[str, Any]) -> str:
    """Return the name of a client's key for the log, `-` if it has none."""
    if settings.API_AUTH == "none":
        return "-"
    key = find_key(shown_secret(environ) or "", settings.API_KEYS)
    return key.name if key else "-"


def may(request: HttpRequest) -> bool:
    """Tell, before Django has a view for it, whether the client's key covers a request.

    Others are to hear of nothing but their key, and to cost no query.
    """
    if settings.API_AUTH == "none":
        return True
    key = find_key(shown_secret(request.META) or "", settings.API_KEYS)
    return key is not None and _covers(key, request.method)


class NoMetadata(BaseMetadata):
    """OPTIONS answers with `Allow` and tells nothing about the fields."""

    def determine_metadata(self, request: Request, view: APIView) -> dict[str, Any]:
        """Return an empty description."""
        return {}
