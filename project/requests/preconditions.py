"""`ETag` on every item, and writes that hold only for the item the client has seen (RFC 9110, 13).

A tag is the digest of the representation, so the framework's answer and a finished one have the
same. A request with `If-Match` runs in a transaction that sees the row as it was compared: what
another one changes meanwhile makes the database refuse the write. Others pay a digest and no query.
"""

import hashlib
import io
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse

from project.access.permissions import may
from project.requests.matching import match
from project.requests.problems import database_problem, problem

READS, CHANGES = {"GET", "HEAD"}, {"PUT", "PATCH", "DELETE"}
NOT_OF_A_READ = ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
CHANGED_MEANWHILE = 409  # what the database's refusal is answered with

Answer = Callable[[HttpRequest], HttpResponse]


class Preconditions:
    """Middleware: answers `If-Match` and `If-None-Match`, tags items."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        named = request.META.get("HTTP_IF_MATCH")
        asks = named is not None or settings.REQUIRE_IF_MATCH
        if asks and request.method in CHANGES and may(request) and _changes_an_item(request):
            if named is None:
                return problem(request, 428, "Say with If-Match which state you want to change.")
            return self._answer_if(named, request)
        response = self.get_response(request)
        if _tag(request, response) and request.method in READS and _seen(request, response):
            return _not_modified(response)
        return response

    @staticmethod
    def admits(environ: dict[str, Any]) -> bool:
        """Leave requests with preconditions to Django."""
        asks = "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ
        return not (asks or (settings.REQUIRE_IF_MATCH and environ["REQUEST_METHOD"] in CHANGES))

    @staticmethod
    def complete(request: Any, answer: Any) -> None:
        """Tag an item of the express lane."""
        if _is_item(answer.status, answer.route):
            answer.headers.append(("ETag", etag(answer.body)))

    def _answer_if(self, named: str, request: HttpRequest) -> HttpResponse:
        """Change the item if it still is the one that the client names."""
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                current = _current(request)
                if current.status_code >= 500:
                    transaction.set_rollback(True)
                    return current
                if current.status_code == 200 and not _matches(named, etag(current.content)):
                    return problem(request, 412, "The item is not what If-Match says it is.")
                response = self.get_response(request)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
        except Error as error:
            answer = database_problem(request, error)
            if answer is None:
                raise
            return answer
        if response.status_code == CHANGED_MEANWHILE:
            return problem(request, 412, "The item was changed at the same moment.")
        _tag(request, response)
        return response


def etag(representation: bytes) -> str:
    """Return the strong entity tag of a representation."""
    return f'"{hashlib.blake2b(representation, digest_size=16).hexdigest()}"'


def _is_item(status: int, route: str) -> bool:
    """Tell whether an answer is an item: a new one, or that of a route which names one."""
    return status == 201 or (status == 200 and "(?P<" in route)


def _tag(request: HttpRequest, response: HttpResponse) -> bool:
    """Tag an item; tell whether it is one."""
    route = getattr(request.resolver_match, "route", "")
    item = request.method != "OPTIONS" and _is_item(response.status_code, route)
    if item:
        response["ETag"] = etag(response.content)
    return item


def _changes_an_item(request: HttpRequest) -> bool:
    found = match(request)
    return found is not None and bool(found.kwargs)


def _current(request: HttpRequest) -> HttpResponse:
    """Return the item as a GET does; where there is none, the change says why."""
    environ = {**request.META, "REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}
    for name in NOT_OF_A_READ:
        environ.pop(name, None)
    found: Any = request.resolver_match
    response: HttpResponse = found.func(WSGIRequest(environ), *found.args, **found.kwargs)
    if isinstance(response, SimpleTemplateResponse):
        response.render()
    return response


def _matches(listed: str, tag: str) -> bool:
    return listed.strip() == "*" or tag in {one.strip() for one in listed.split(",")}


def _seen(request: HttpRequest, response: HttpResponse) -> bool:
    listed = request.META.get("HTTP_IF_NONE_MATCH")
    return listed is not None and _matches(listed.replace("W/", ""), response["ETag"])


def _not_modified(response: HttpResponse) -> HttpResponse:
    kept = {name: response[name] for name in ("ETag", "Vary") if name in response}
    bare = HttpResponse(status=304, headers=kept)
    del bare["Content-Type"]
    return bare
