"""The mixin, and what is known about each view set."""

import functools
import operator
from collections.abc import Hashable, Iterator
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import APIException
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.settings import api_settings

from speedups.answers.action import Action
from speedups.answers.asked import JSON, Answer, Asked
from speedups.answers.changing import Create, Destroy, PartialUpdate, Update
from speedups.answers.reading import List, Retrieve
from speedups.stepping_aside import StepAside, stock, unless, wanted

OF_AN_ANSWER = (
    "finalize_response", "default_response_headers", "allowed_methods", "get_renderers",
    "get_content_negotiator", "perform_content_negotiation", "get_parsers", "get_queryset",
    "filter_queryset", "get_serializer", "get_serializer_class", "get_serializer_context",
)  # fmt: skip
OF_A_GATE = (
    "initial", "initialize_request", "perform_authentication", "check_permissions",
    "check_throttles", "determine_version", "get_authenticators", "get_permissions",
    "get_throttles",
)  # fmt: skip
DESCRIBING = (
    "queryset", "serializer_class", "pagination_class", "renderer_classes", "parser_classes",
    "filter_backends", "throttle_classes", "lookup_field", "lookup_url_kwarg",
    "content_negotiation_class", "http_method_names", "permission_classes", "versioning_class",
)  # fmt: skip
ACTIONS = (Retrieve, List, Create, Update, PartialUpdate, Destroy)
# Where the express lane leaves an error for the framework to answer; None if it was no error.
FAILED = "speedups.failed"
_describing = operator.attrgetter(*DESCRIBING)
MOST_REMEMBERED = 256  # Accept headers
LONGEST_REMEMBERED = 1024  # characters of one
# The context variable behind what `timezone.activate` sets, as long as asgiref keeps it there.
_chosen: Any = getattr(getattr(getattr(timezone, "_active", None), "_storage", None), "_data", None)


class FinishedAnswers:
    """Mixin for a `ModelViewSet`; goes before it in the list of bases."""

    def dispatch(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer with finished JSON if that is all there is to do, else as the framework does."""
        try:
            answer = self._finished(request, kwargs)
        except Exception as error:  # noqa: BLE001  (the framework decides what it explains)
            return self._explained(request, error)
        if answer is None:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        response = answer.response()
        for name, value in self.default_response_headers.items():
            if name == "Vary":
                patch_vary_headers(response, [value])
            else:
                response.headers[name] = value
        return response

    def _finished(self: Any, request: HttpRequest, kwargs: dict[str, Any]) -> Answer | None:
        if FAILED in request.META:
            error = request.META.pop(FAILED)
            if error is None:
                return None
            raise error
        view_class: Any = type(self)
        known = knowledge(view_class)
        action = known.actions.get(self.action_map.get(str(request.method).lower()))
        if not isinstance(action, Action) or action.method != request.method:
            return None
        plain = known.describes(self) and known.accepts_json(self, request)
        if not (plain and known.lets_in(self, request, kwargs)):
            return None
        return action.answer(lambda _: self, Asked(request.META, request.path, request), kwargs)

    def _explained(self: Any, request: HttpRequest, error: Exception) -> Any:
        """Answer for an error; a change must not be tried again from the start."""
        self.request = self.initialize_request(request, *self.args, **self.kwargs)
        self.headers = self.default_response_headers
        response = self.handle_exception(error)
        return self.finalize_response(self.request, response, *self.args, **self.kwargs)


class Knowledge:
    """What one view set does: the actions that can be answered, and for the others why not."""

    def __init__(self, view_class: Any) -> None:
        self.actions: dict[str, Action | StepAside] = {}
        for action_class in ACTIONS:
            name = action_class.name
            try:
                _check(view_class)
                self.actions[name] = action_class(view_class)
            except StepAside as reason:
                self.actions[name] = reason
            except Exception as error:  # noqa: BLE001  (if it matters, the framework meets it)
                self.actions[name] = StepAside(f"looking at it failed: {error!r}")
        self._described = [getattr(view_class, name) for name in DESCRIBING]
        self.has_own_gate = _has_own_gate(view_class)
        self.accepted: dict[str | None, bool] = {}

    def describes(self, view: Any) -> bool:
        """Tell whether a view still is what was looked at: `as_view` may have configured it."""
        return all(map(operator.is_, self._described, _describing(view)))

    def accepts_json(self, view: Any, request: HttpRequest) -> bool:
        """Tell whether the client gets plain JSON; its Accept header alone decides that."""
        accept = request.META.get("HTTP_ACCEPT")
        known = self.accepted.get(accept)
        if known is None:
            if accept and len(accept) > LONGEST_REMEMBERED:
                return False
            if len(self.accepted) >= MOST_REMEMBERED:
                self.accepted.clear()
            try:
                known = self.accepted[accept] = _negotiated_json(view, request)
            except SuspiciousOperation:  # too many parameters, say: the framework refuses it
                return False
        return known and in_default_timezone()

    def lets_in(self, view: Any, request: HttpRequest, kwargs: dict[str, Any]) -> bool:
        """Authenticate and check permissions, if there is anything to check."""
        open_to_all = not (view.authentication_classes or view.permission_classes)
        if open_to_all and not self.has_own_gate:
            return True
        view.request = view.initialize_request(request, **kwargs)
        try:
            view.initial(view.request, **kwargs)
        except Exception:  # noqa: BLE001  (the framework meets it again and answers it)
            return False
        return True


@functools.cache
def knowledge(view_class: Hashable) -> Knowledge:
    """Return what is known about a view set; looked at once, at its first request."""
    return Knowledge(view_class)


def in_default_timezone() -> bool:
    """Tell whether times are written in the timezone of the settings."""
    # Where nobody ever chose another one, asking Django for it costs more than a route.
    if _chosen is not None and _chosen.get(None) is None:
        return True
    return timezone.get_current_timezone() is timezone.get_default_timezone()


def _check(view_class: Any) -> None:
    """Raise `StepAside` for what concerns all actions of a view set."""
    unless(wanted("answers"), "switched off by the setting SPEEDUPS")
    stock(view_class, *OF_AN_ANSWER)
    queryset = view_class.queryset
    unless(queryset is not None, "there is no queryset")
    unless(not view_class.filter_backends, "there are filter backends")
    unless(not view_class.throttle_classes, "requests are counted for throttling")
    unless(not api_settings.URL_FORMAT_OVERRIDE, "a query parameter may choose the format")
    unless(JSONRenderer in view_class.renderer_classes, "there is no JSONRenderer")
    negotiates = view_class.content_negotiation_class is DefaultContentNegotiation
    unless(negotiates, "the media type is negotiated in a way of its own")


def _has_own_gate(view_class: Any) -> bool:
    """Tell whether methods of its own decide about each request."""
    try:
        stock(view_class, *OF_A_GATE)
    except StepAside:
        return True
    return view_class.versioning_class is not None


def _negotiated_json(view: Any, request: HttpRequest) -> bool:
    try:
        view.format_kwarg = None
        asked = view.initialize_request(request)
        renderer, media_type = view.perform_content_negotiation(asked)
    except APIException:
        return False
    return type(renderer) is JSONRenderer and media_type == JSON


def explained(view_class: Any) -> Iterator[tuple[str, str]]:
    """Yield each action and how it is answered: "on", or the reason why not."""
    for name, action in knowledge(view_class).actions.items():
        yield name, str(action) if isinstance(action, StepAside) else "on"
