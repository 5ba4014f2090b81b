"""What is known of view sets, and of who lets requests in."""

import json
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from rest_framework import generics, mixins, renderers, views, viewsets
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils import encoders
from rest_framework.utils import json as rest_json
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet, ViewSetMixin

from drf_speedups.eligibility.members import (
    PYTHON_S,
    Role,
    check_globals,
    check_members,
    is_code,
    own_members,
)
from drf_speedups.eligibility.reasons import StepAside, named, unless

JSON = "application/json"
# Attributes that say what a view set is; `as_view`, `__init__` or a request may give it others.
DESCRIBING = (
    "queryset", "serializer_class", "pagination_class", "filter_backends", "lookup_field",
    "lookup_url_kwarg", "parser_classes", "http_method_names", "permission_classes",
    "authentication_classes", "throttle_classes", "versioning_class", "renderer_classes",
    "content_negotiation_class",
)  # fmt: skip
# What routers and `as_view` give a view, and leave in its class.
OF_A_ROUTE = frozenset({"basename", "detail", "suffix", "name", "description"})
# What the framework itself puts into a view set for each request.
OF_A_REQUEST = frozenset({
    "action_map", "action", "request", "args", "kwargs", "headers", "format_kwarg", "_negotiator",
    "basename", "detail", "suffix", "name", "description",
    "get", "post", "put", "patch", "delete", "head", "options", "trace",
})  # fmt: skip
# Run by the framework around an action, whoever wrote them: who is it, may they, what went wrong.
AROUND = frozenset({
    "initial", "initialize_request", "perform_authentication", "check_permissions",
    "check_throttles", "determine_version", "get_authenticators", "get_throttles",
    "get_authenticate_header", "permission_denied", "throttled", "perform_content_negotiation",
    "get_renderers", "get_content_negotiator", "get_format_suffix", "default_response_headers",
    "handle_exception", "get_exception_handler", "get_exception_handler_context",
    "raise_uncaught_exception", "http_method_not_allowed", "options", "get_view_name",
    "get_view_description", "get_extra_actions", "get_extra_action_url_map", "reverse_action",
})  # fmt: skip
VIEW_SET = Role(
    ModelViewSet,
    also=frozenset(ReadOnlyModelViewSet.__mro__),
    run=AROUND,
    values=frozenset({
        *DESCRIBING, "renderer_classes", "authentication_classes", "throttle_classes",
        "versioning_class", "content_negotiation_class", "metadata_class", "settings", "schema",
        "basename", "detail", "suffix", "name", "description", "view_is_async",
    }),
    asked_for=frozenset({
        "get", "post", "put", "patch", "delete", "head", "trace", "_paginator", "_negotiator",
    }),
)  # fmt: skip
OF_ROWS = frozenset({"get_object", "check_object_permissions", "get_permissions"})
OF_BODIES = frozenset({"get_parsers", "get_parser_context"})
# Methods that only some actions run.
OF_ACTIONS = {
    "retrieve": frozenset({"retrieve"}) | OF_ROWS,
    "list": frozenset({"list", "paginator", "paginate_queryset", "get_paginated_response"}),
    "create": frozenset({"create", "perform_create"}) | OF_BODIES,
    "update": frozenset({"update", "perform_update"}) | OF_BODIES | OF_ROWS,
    "destroy": frozenset({"destroy", "perform_destroy"}) | OF_ROWS,
}
OF_ACTIONS["partial_update"] = OF_ACTIONS["update"] | {"partial_update"}
# Looked at beside: only a new row has them, and they are run whoever wrote them.
HEADERS = "get_success_headers"
PAGES = Role(
    CursorPagination,
    values=frozenset({
        "page_size", "max_page_size", "page_size_query_description", "template",
        "cursor_query_description", "invalid_cursor_message", "ordering", "cursor_query_param",
        "page_size_query_param", "offset_cutoff",
    }),
    run=frozenset({"get_paginated_response_schema", "get_schema_operation_parameters"}),
)  # fmt: skip


def view_at(path: object) -> type[APIView] | None:
    """Return the class of views that a dotted path leads to, if it does."""
    try:
        found = import_string(str(path))
    except (ImportError, TypeError, ValueError):  # the last two: no absolute path
        return None
    return found if isinstance(found, type) and issubclass(found, APIView) else None


def check_view_set(kind: Any, name: str) -> None:
    """Raise `StepAside` unless the action of this name is all the framework's own in a view set."""
    unless(issubclass(kind, ViewSetMixin), "it is no view set")
    of_others = frozenset().union(*OF_ACTIONS.values(), {HEADERS}) - OF_ACTIONS[name]
    check_members(kind, VIEW_SET, of_others)
    unless(kind.queryset is not None, "there is no queryset")
    unless(kind.serializer_class is not None, "there is no serializer_class")
    unless(isinstance(kind.serializer_class, type), "the serializer_class is no class")
    unless(
        not kind.filter_backends,
        "there are filter backends: set filter_backends = [] where it filters nothing",
    )
    if "get_permissions" in OF_ACTIONS[name]:
        check_permissions(kind.permission_classes)


def check_permissions(classes: Any) -> None:
    """Raise `StepAside` if one of these permissions looks at rows."""
    unless(not hasattr(type(classes), "__get__"), "permission_classes is computed")
    check_members(BasePermission, Role(BasePermission))
    stock: Any = BasePermission.has_object_permission
    for one in classes:
        made = one()
        plain = "has_object_permission" not in getattr(made, "__dict__", {})
        looks = getattr(type(made), "has_object_permission", None)
        unless(plain and looks is stock, f"the permission {named(made)} looks at rows")


def check_pages(paginator: Any, known: type) -> None:
    """Raise `StepAside` unless pages are those of a paginator that is known."""
    unless(
        paginator and issubclass(paginator, known),
        "pages are not keyset pages: set pagination_class = KeysetPagination",
    )
    check_members(paginator, Role(known, values=PAGES.values, run=PAGES.run))


def deciding(kind: Any) -> tuple[str, ...]:
    """Return the environment keys that decide who gets in. Raises `StepAside` if anything may."""
    names: list[str] = []
    check_members(AllowAny, Role(AllowAny))
    for name in ("authentication_classes", "permission_classes"):
        computed = hasattr(type(getattr(kind, name)), "__get__")
        unless(not computed, f"{kind.__name__}.{name} is computed: give it a plain value")
    for gate in (*kind.authentication_classes, *kind.permission_classes):
        names += () if gate is AllowAny else _decides_by(gate)
    return tuple(names)


def _decides_by(gate: Any) -> tuple[str, ...]:
    """Return what a class promises for the code that it has, not for that of a subclass."""
    for owner in getattr(gate, "__mro__", ()):
        if "decides_by" in vars(owner):
            return _keys(vars(owner)["decides_by"], gate)
        if any(is_code(member) for name, member in vars(owner).items() if name not in PYTHON_S):
            break
    name = getattr(gate, "__name__", "a composed permission")
    raise StepAside(f"{name} does not say what it decides by: give it decides_by")


def _keys(said: Any, gate: Any) -> tuple[str, ...]:
    """Return what a class has said, if these can be keys: what nobody sends is alike for all."""
    keys = type(said) in {list, tuple} and all(type(one) is str for one in said)
    keys = keys and all("." in one or one.isupper() for one in said)
    unless(keys, f"{named(gate)}.decides_by is {said!r}: give it a tuple of keys as they stand in "
           "the environment, such as HTTP_AUTHORIZATION")  # fmt: skip
    return tuple(said)


def is_open(kind: Any) -> bool:
    """Tell whether nobody is asked who may come in."""
    return not kind.authentication_classes and all(
        one is AllowAny for one in kind.permission_classes
    )


def check_lane(kind: Any) -> None:
    """Raise `StepAside` unless nothing around the actions of a view set is its own."""
    around = AROUND | OF_BODIES | {"get_permissions"}  # also where an action does not need them
    for owner, name, _ in own_members(kind, VIEW_SET.known()):
        unless(name not in around, f"{owner.__name__} has its own {name}")
    unless(not kind.throttle_classes, "requests are counted for throttling (throttle_classes)")
    unless(kind.versioning_class is None, "requests have versions (versioning_class)")
    by_query = DefaultContentNegotiation.settings.URL_FORMAT_OVERRIDE
    unless(by_query is None, "the query may choose the format: set "
           "URL_FORMAT_OVERRIDE to None")  # fmt: skip
    negotiates = kind.content_negotiation_class is DefaultContentNegotiation
    unless(negotiates, "the media type is negotiated in a way of its own")
    check_members(DefaultContentNegotiation, Role(DefaultContentNegotiation))


def gives_json(request: Any) -> bool:
    """Tell whether a request is the framework's, and so is the renderer: of plain JSON."""
    if type(request) is not Request:
        return False
    renderer = request.accepted_renderer
    return type(renderer) is JSONRenderer and request.accepted_media_type == JSON


def check_framework() -> None:
    """Raise `StepAside` if somebody has changed what the framework reads and writes JSON with."""
    check_globals(generics, mixins, views, viewsets, renderers, encoders, rest_json, json)
    for kind in (Request, Response, JSONRenderer, JSONEncoder, WSGIRequest):
        check_members(kind, Role(kind))
    unless(vars(renderers)["json"] is rest_json, "somebody else writes the framework's JSON")
    plain = (
        JSONRenderer.media_type == JSON and JSONRenderer.charset is None
        and JSONRenderer.encoder_class is JSONEncoder
        and JSONRenderer.compact == api_settings.COMPACT_JSON
        and JSONRenderer.ensure_ascii == (not api_settings.UNICODE_JSON)
    )  # fmt: skip
    unless(plain, "somebody has changed the framework's JSONRenderer: make a class of your own")


# The context variable behind what `timezone.activate` sets, as long as asgiref keeps it there.
_chosen: Any = getattr(getattr(getattr(timezone, "_active", None), "_storage", None), "_data", None)


def in_default_timezone() -> bool:
    """Tell whether times are written in the timezone of the settings."""
    # Where nobody ever chose another one, asking Django for it costs more than a route.
    if _chosen is not None and _chosen.get(None) is None:
        return True
    return timezone.get_current_timezone() is timezone.get_default_timezone()
