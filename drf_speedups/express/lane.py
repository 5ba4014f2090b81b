"""The WSGI application, and when it may answer."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from types import FunctionType, MethodType
from typing import Any

from django.conf import settings
from django.core.handlers import base, wsgi
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import setting_changed
from django.db import connections
from django.http import HttpResponse
from django.utils.module_loading import import_string

from drf_speedups.answers.light_request import Answer, LightRequest
from drf_speedups.answers.view import FAILED
from drf_speedups.database import old_connections
from drf_speedups.eligibility.members import PYTHON_S, Role, check_globals, check_members
from drf_speedups.eligibility.reasons import StepAside, named, switched_on, unless
from drf_speedups.express.routes import Endpoint, Routes
from drf_speedups.framework import import_views

# They have nothing to do for an answer of a view set.
IDLE_MIDDLEWARE = {"whitenoise.middleware.WhiteNoiseMiddleware"}
STATUS = {code: f"{code} {HTTPStatus(code).phrase}" for code in (200, 201, 204)}

# What Django gives its handler when it loads the middleware.
OF_A_HANDLER = frozenset({"_middleware_chain", "_view_middleware", "_template_response_middleware",
                          "_exception_middleware"})  # fmt: skip
CONVERTING = convert_exception_to_response(HttpResponse).__code__  # around each of them
STARTED = "drf_speedups.started"  # when the lane took up what it leaves to Django with an error

Environ = dict[str, Any]


class ExpressLane:
    """Answers what it can and gives `application`, which is Django's, everything else."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self._lane: Lane | None = None
        import_views()  # before a fork: all share them
        setting_changed.connect(self._look_again)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        lane = self._lane or self.open()
        answer = lane.answer(environ) if lane.is_open else None
        if answer is None:
            return self.application(environ, start_response)
        start_response(STATUS[answer.status], answer.headers)
        return [answer.body]

    def _look_again(self, **_kwargs: Any) -> None:
        """Open the lane anew: a test has changed a setting."""
        self._lane = None

    def open(self) -> "Lane":
        """Look at all routes, at the first request or before: needs no database."""
        self._lane = Lane(self.application)
        return self._lane


class Lane:
    """All routes and the middleware around them, or why there is no lane.

    `application`: what stands behind the lane, where that is known.
    """

    def __init__(self, application: Any = None) -> None:
        self.closed_because = ""
        try:
            _check_handler(application)
            self.middleware = _middleware()
            if application is not None:
                _check_chain(vars(application), self.middleware)
            self.routes = Routes()
        except StepAside as reason:
            self.closed_because = str(reason)
        self.is_open = not self.closed_because

    def answer(self, environ: Environ) -> Answer | None:
        """Return the answer; None if it is Django's to give."""
        if FAILED in environ:  # the worker's lane has tried: what was sent must not be sent again
            return None
        path = environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING", "")
        plain = path.isascii() and is_plain(environ) and not is_refused(query)
        if not plain or not old_connections.alone() or not self.admits(environ):
            return None
        found = self.routes.find(path)
        if found is None:
            return None
        endpoint, kwargs = found
        action = endpoint.action(environ)
        if action is None:
            return None
        old_connections.look_at(action.using)
        request = LightRequest(environ)
        try:
            answer = action.answer(request, kwargs)
        except Exception as error:  # noqa: BLE001  (a change must not be tried again: Django explains)
            environ[FAILED], environ[STARTED] = error, request.started
            return None
        if answer is None:
            environ[FAILED] = None  # and the view would find the same
            return None
        self.complete(request, answer, endpoint)
        old_connections.look_at(action.using)
        return answer

    def admits(self, environ: Environ) -> bool:
        """Tell whether all middleware lets a block of headers into the lane."""
        return all(one.admits(environ) for one in self.middleware)

    def complete(self, request: LightRequest, answer: Answer, endpoint: Endpoint) -> None:
        """Do for an answer what the view and all middleware do for it."""
        answer.headers += endpoint.headers
        answer.route = endpoint.route
        for one in self.middleware:
            one.complete(request, answer)


def is_plain(environ: Environ) -> bool:
    """Tell whether headers leave a request's address and the reading of its query as they are."""
    return (
        not environ.get("SCRIPT_NAME")
        and "HTTP_HOST" in environ
        and ";" not in environ.get("CONTENT_TYPE", "")  # a charset, which counts for the query, too
        and not (environ.get("SCRIPT_URL") or environ.get("REDIRECT_URL"))
    )


def is_refused(query: str) -> bool:
    """Tell whether Django refuses a query for the number of its parameters, whoever looks at it."""
    most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS if query else None
    return most is not None and query.count("&") >= most


def closed_because() -> str:
    """Return why the lane is closed, nothing if it is open."""
    return Lane().closed_because


def _check_handler(application: Any) -> None:
    """Raise `StepAside` unless Django alone stands behind the lane, as Django wrote it."""
    plain = application is None or (
        type(application) is WSGIHandler and OF_A_HANDLER.issuperset(vars(application))
    )
    unless(plain, f"a {named(application)} stands behind the lane: put it around the lane, so that "
           "it sees all requests")  # fmt: skip
    unless(WSGIHandler.request_class is WSGIRequest, "requests have a class of their own")
    check_globals(base, wsgi)
    for kind in (WSGIHandler, WSGIRequest):
        check_members(kind, Role(kind))


def _check_chain(given: dict[str, Any], middleware: list[Any]) -> None:
    """Raise `StepAside` unless Django has loaded that and nothing else: `given` has it."""
    wanted: list[Any] = [*map(import_string, settings.MIDDLEWARE), MethodType]
    found = [*_loaded(given["_middleware_chain"])]
    listed = [one for name in OF_A_HANDLER - {"_middleware_chain"} for one in given[name]]
    own = [one for one in listed if type(getattr(one, "__self__", None)) not in middleware]
    unless(found == wanted and not own, "other middleware is loaded than the settings name, "
           "something stands around it, or one has no `get_response`")  # fmt: skip


def _loaded(chain: Any) -> Iterator[type]:
    """Yield the classes of what is loaded, the outermost first: it ends where nothing is seen."""
    while type(chain) is FunctionType and chain.__code__ is CONVERTING:
        within = (chain.__closure__ or ())[0].cell_contents
        yield type(within)
        chain = getattr(within, "get_response", None)


def _middleware() -> list[Any]:
    """Return the middleware that takes part, the innermost first. Raises `StepAside`."""
    switched_on("express")
    unless(not settings.DEBUG, "DEBUG is on")
    ways = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT",
            "FORCE_SCRIPT_NAME")  # fmt: skip
    for name in ways:
        unless(not getattr(settings, name), f"{name} is set")
    unless(old_connections.alone(), "others wait for the signals around a request")
    for alias in connections:
        around = connections[alias].settings_dict["ATOMIC_REQUESTS"]
        unless(not around, "ATOMIC_REQUESTS is on")
    taking_part = []
    for name in reversed(settings.MIDDLEWARE):
        if name in IDLE_MIDDLEWARE:
            unless(not getattr(settings, "WHITENOISE_ROOT", None), f"{name} may have files for "
                   "any path (WHITENOISE_ROOT)")  # fmt: skip
        else:
            one: Any = import_string(name)
            unless(_takes_part(one), f"{name} looks at each request")
            taking_part.append(one)
    return taking_part


def _takes_part(middleware: Any) -> bool:
    """Tell whether a middleware says what it does in the lane, and not only a base of it."""
    classes = getattr(middleware, "__mro__", ())
    last = next((one for one in classes if vars(one).keys() - PYTHON_S), object)
    return {"admits", "complete"} <= vars(last).keys()
