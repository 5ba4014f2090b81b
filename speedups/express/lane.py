"""The WSGI application, and when it may answer."""

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import connections
from django.urls import get_resolver
from django.utils.module_loading import import_string

from speedups import upkeep
from speedups.answers.asked import Answer, Asked
from speedups.answers.view import FAILED
from speedups.eligibility.reasons import StepAside, switched_on, unless
from speedups.express.routes import Routes

# They have nothing to do for an answer of a view set.
IDLE_MIDDLEWARE = {"whitenoise.middleware.WhiteNoiseMiddleware"}
STATUS = {code: f"{code} {HTTPStatus(code).phrase}" for code in (200, 201, 204)}

Environ = dict[str, Any]
Answering = Callable[[Environ], Answer | None]


class ExpressLane:
    """Answers what it can and gives `application`, which is Django's, everything else."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self._answer: Answering | None = None
        get_resolver().url_patterns  # noqa: B018  (loads the routes: before a fork all share them)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        answer = (self._answer or self.open())(environ)
        if answer is None:
            return self.application(environ, start_response)
        start_response(STATUS[answer.status], answer.headers)
        return [answer.body]

    def open(self) -> Answering:
        """Look at all routes, at the first request or before: needs no database."""
        try:
            self._answer = _lane()
        except StepAside:
            self._answer = _leave
        return self._answer


def closed_because() -> str:
    """Return why the lane is closed, nothing if it is open."""
    try:
        _lane()
    except StepAside as reason:
        return str(reason)
    return ""


def _leave(_environ: Environ) -> None:
    """Leave every request to Django."""


def _lane() -> Answering:
    """Return what answers, with all middleware around it. Raises `StepAside`."""
    switched_on("express")
    unless(not settings.DEBUG, "DEBUG is on")
    ways = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT",
            "FORCE_SCRIPT_NAME")  # fmt: skip
    for name in ways:
        unless(not getattr(settings, name), f"{name} is set")
    unless(not upkeep.others(), "others wait for the signals around a request")
    for alias in connections:
        around = connections[alias].settings_dict["ATOMIC_REQUESTS"]
        unless(not around, "ATOMIC_REQUESTS is on")
    answer: Answering = partial(_answered, Routes())
    for name in reversed(settings.MIDDLEWARE):
        if name not in IDLE_MIDDLEWARE:
            express: Any = getattr(import_string(name), "express", None)
            unless(express, f"{name} looks at each request")
            answer = partial(express, answer=answer)
    return answer


def _answered(routes: Routes, environ: Environ) -> Answer | None:
    """Return the answer; None if it is Django's to give."""
    path = environ["PATH_INFO"]
    odd = environ.get("SCRIPT_NAME") or "HTTP_HOST" not in environ or not path.isascii()
    if odd or not upkeep.alone():
        return None
    found = routes.find(path)
    if found is None:
        return None
    stop, kwargs = found
    action = stop.action(environ)
    if action is None:
        return None
    upkeep.look_at(action.using)
    try:
        answer = action.answer(Asked(environ), kwargs)
    except Exception as error:  # noqa: BLE001  (a change must not be tried again: Django explains)
        environ[FAILED] = error
        return None
    if answer is None:
        environ[FAILED] = None  # and the view would find the same
        return None
    answer.headers += stop.headers
    answer.route = stop.route
    upkeep.look_at(action.using)
    return answer
