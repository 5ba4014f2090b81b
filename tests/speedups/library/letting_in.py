"""Who lets a request in: decorators, authentication, permissions, each in another way."""

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import condition
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, BasePermission

calls: Counter[str] = Counter()  # of authentication and permissions, by class
USER = type("Somebody", (), {"is_authenticated": True})()
DOOR = "HTTP_X_KEY"


def refuse(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let nobody in without a key, as `login_required` does."""

    @functools.wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
        if DOOR not in request.META:
            return HttpResponse("sign in", status=302, headers={"Location": "/login/"})
        return view(request, *args, **kwargs)

    return guarded


class Asks(BaseAuthentication):
    """Knows who shows a key, and counts."""

    def authenticate(self, request: Any) -> Any:
        calls[type(self).__name__] += 1
        self.look(request)
        return (USER, None) if DOOR in request.META else None

    def look(self, request: Any) -> None:
        """Do something else with the request."""


class Once(Asks):
    """Takes each key once."""

    seen: ClassVar[set[str]] = set()

    def look(self, request: Any) -> None:
        key = request.META.get(DOOR, "")
        if key in self.seen:
            raise AuthenticationFailed("this key was used")
        self.seen.add(key)


class Travels(Asks):
    """Chooses time zone and language for who asks."""

    def look(self, request: Any) -> None:
        timezone.activate(ZoneInfo("Asia/Kathmandu"))
        translation.activate("de")


class Breaks(Asks):
    """Fails in a way that nobody foresaw."""

    decides_by = (DOOR,)

    def look(self, request: Any) -> None:
        raise LookupError("no such key ring")


class Promises(Asks):
    """Says what it decides by."""

    decides_by = (DOOR,)

    def authenticate(self, request: Any) -> Any:
        return (USER, None) if DOOR in request.META else None


class Inherits(Promises):
    """Has the promise of its base and other code."""

    def authenticate(self, request: Any) -> Any:
        return (USER, None) if request.META.get("HTTP_ACCEPT_LANGUAGE") != "de" else None


class Counts(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        calls[type(self).__name__] += 1
        return not view.kwargs or view.kwargs.get("pk") != "3"


class Rows(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        calls[type(self).__name__] += 1
        return bool(obj.rank % 2)


class SignedIn(BasePermission):
    decides_by: ClassVar[tuple[str, ...]] = ()

    def has_permission(self, request: Any, view: Any) -> bool:
        return request.user is USER


AROUND: dict[str, Any] = {
    "none": None, "refuse": refuse, "never cache": never_cache,
    "condition": condition(etag_func=lambda *_args, **_kwargs: '"one"'),
}  # fmt: skip
AUTHENTICATION: dict[str, Any] = {
    "none": [], "asks": [Asks], "once": [Once], "travels": [Travels], "breaks": [Breaks],
    "promises": [Promises], "inherits": [Inherits],
}  # fmt: skip
PERMISSIONS: dict[str, Any] = {
    "none": [], "all": [AllowAny], "counts": [Counts], "rows": [Rows], "signed in": [SignedIn],
    "composed": [Counts & AllowAny],
}  # fmt: skip


def forgotten() -> None:
    """Let those who remember forget."""
    calls.clear()
    Once.seen.clear()
    timezone.deactivate()
    translation.deactivate()
