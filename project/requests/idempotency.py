"""`Idempotency-Key`: a POST that is sent again is answered again and done once.

The answer is stored in the transaction that makes the row: both are there or neither. A request
without the header costs nothing. Draft: draft-ietf-httpapi-idempotency-key-header-07.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import Error, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from project.access.permissions import may, shown_secret
from project.models import IdempotencyKey
from project.requests.matching import match
from project.requests.problems import RETRY_AFTER, database_problem, problem

HEADER = "HTTP_IDEMPOTENCY_KEY"
PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
KEPT = timedelta(hours=24)
STORED_HEADERS = ("Allow", "Content-Type", "ETag", "Location", "Vary")

Answer = Callable[[HttpRequest], HttpResponse]


class Idempotency:
    """Middleware around everything that a POST does."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        key = request.META.get(HEADER) if request.method == "POST" else None
        if key is None or not may(request) or match(request) is None:
            return self.get_response(request)
        if not PRINTABLE.fullmatch(key):
            detail = "Idempotency-Key takes 1 to 255 printable ASCII characters."
            return problem(request, 400, detail, errors=[
                {"pointer": "", "detail": detail, "code": "invalid"}
            ])  # fmt: skip
        try:
            with transaction.atomic():
                return self._once(request, key)
        except Error as error:
            answer = database_problem(request, error)
            if answer is None:
                raise
            return answer

    @staticmethod
    def admits(environ: dict[str, Any]) -> bool:
        """Leave requests with a key to Django."""
        return HEADER not in environ

    @staticmethod
    def complete(request: Any, answer: Any) -> None:
        """There is nothing to do for others."""

    def _once(self, request: HttpRequest, key: str) -> HttpResponse:
        """Answer in the transaction that this is called in."""
        # Where we ask for no key, a proxy may know clients by another scheme.
        shown = shown_secret(request.META) or request.META.get("HTTP_AUTHORIZATION", "")
        client = _digest(shown.encode())
        if not _lock(f"{client} {key}"):
            return problem(request, 409, "A request with this Idempotency-Key is still running.",
                           headers=RETRY_AFTER)  # fmt: skip
        asked = _digest(request.get_full_path().encode() + b"\0" + request.body)
        known = IdempotencyKey.objects.filter(client=client, key=key).first()
        if known is not None and known.created_at > timezone.now() - KEPT:
            return _again(request, known, asked)
        response = self.get_response(request)
        if not 200 <= response.status_code < 300:  # nothing was done: the next attempt may do it
            transaction.set_rollback(True)
            return response
        if known is not None:  # from the day before
            known.delete()
        IdempotencyKey.objects.create(
            client=client, key=key, request=asked, status=response.status_code,
            headers={name: response[name] for name in STORED_HEADERS if name in response},
            body=response.content,
        )  # fmt: skip
        return response


def _lock(name: str) -> bool:
    """Take a lock until the transaction ends; tell whether nobody else has it."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def _again(request: HttpRequest, known: IdempotencyKey, asked: str) -> HttpResponse:
    """Return the stored answer, if it is one to the same request."""
    if known.request != asked:
        return problem(request, 422, "This Idempotency-Key was used for another request.")
    headers = {**known.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(bytes(known.body), status=known.status, headers=headers)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
