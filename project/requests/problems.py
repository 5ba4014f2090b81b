"""Every error body, as `application/problem+json` (RFC 9457)."""

import http
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django import db
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.views import exception_handler as drf_exception_handler

from crud.fields import MORE, MOST_NAMED
from project.database import errors
from project.observability.logs import request_id

LONGEST = 200  # characters of a text in an answer: a part of it may be the client's own
RETRY_AFTER = {"Retry-After": "1"}  # seconds


def problem(
    request: HttpRequest,
    status: int,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return the answer for an error; `errors` names the faulty places of the body.

    It is short whatever the client sent: texts are cut, and of many errors the first are named.
    """
    body: dict[str, Any] = {
        "type": "about:blank",  # RFC 9457: the title says no more than the status
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": _cut(detail),
        "instance": _cut(request.path),
        "request_id": request_id.get(),
    }
    if errors is not None:
        body["errors"] = [
            {name: _cut(text) for name, text in one.items()} for one in _first(errors)
        ]
    return HttpResponse(
        json.dumps(body),
        status=status,
        headers=dict(headers or {}),
        content_type="application/problem+json",
    )


def _first(errors: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the first errors and, if there are more, one that says how many.

    One of the code `MORE` stands for others already, whose number it begins with.
    """
    named = [one for one in errors if one["code"] != MORE]
    stood_for = sum(int(one["detail"].split()[0]) for one in errors if one["code"] == MORE)
    others = stood_for + max(0, len(named) - MOST_NAMED)
    if not others:
        return named
    return [*named[:MOST_NAMED], _fault("", ErrorDetail(f"{others} more errors.", MORE))]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Return the answer for what a view raised; nothing for what only a log can explain."""
    request: HttpRequest = context["request"]._request
    if isinstance(error, db.Error):
        return database_problem(request, error)
    # DRF's own handler turns Django's 404 and 403 into its exceptions and knows the headers.
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    headers = {name: response[name] for name in ("Allow", "WWW-Authenticate", "Retry-After")
               if name in response}  # fmt: skip
    if isinstance(error, ValidationError):
        errors = list(_faults(error.detail))
        return problem(request, 400, "The request is not valid.", errors=errors, headers=headers)
    if response.status_code == 400:
        errors = [_fault("", getattr(error, "detail", ErrorDetail("Not valid.", "invalid")))]
        return problem(request, 400, "The request is not valid.", errors=errors, headers=headers)
    detail = error.detail if isinstance(error, APIException) else response.data["detail"]
    return problem(request, response.status_code, str(detail), headers=headers)


def _faults(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Flatten DRF's nested error details into JSON pointers (RFC 6901)."""
    if isinstance(detail, dict):
        for name, below in detail.items():
            step = "" if name == "non_field_errors" else "/" + _escaped(str(name))
            yield from _faults(below, pointer + step)
    elif isinstance(detail, list):
        for position, below in enumerate(detail):
            leaf = isinstance(below, str)
            yield from _faults(below, pointer if leaf else f"{pointer}/{position}")
    else:
        yield _fault(pointer, detail)


def _fault(pointer: str, detail: Any) -> dict[str, str]:
    return {
        "pointer": pointer,
        "detail": str(detail),
        "code": getattr(detail, "code", None) or "invalid",
    }


def _escaped(name: str) -> str:
    # A name is the client's own: a lone surrogate in it could not be encoded into the answer.
    name = name.encode("utf-8", "replace").decode()
    return name.replace("~", "~0").replace("/", "~1")


def database_problem(request: HttpRequest, error: db.Error) -> HttpResponse | None:
    """Return the answer for what the database raised; nothing for what only a log can explain."""
    found = errors.explained(error)
    if found is None:
        return None
    status, detail = found
    if status == 400:
        return problem(request, 400, detail, errors=[_fault("", detail)])
    return problem(request, status, detail, headers=RETRY_AFTER if status == 503 else None)


# Django's own error pages, for what happens outside the views


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for a request that Django itself refuses, such as one for an unknown host."""
    return problem(request, 400, "The request is not valid.",
                   errors=[_fault("", "Not a valid request for this host.")])  # fmt: skip


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return problem(request, 403, "Not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for a path that leads nowhere."""
    return problem(request, 404, "Nothing is here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for an error nobody foresaw; Django has logged its traceback."""
    return problem(request, 500, "Something went wrong here. The request id finds it in our logs.")
