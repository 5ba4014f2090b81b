"""A Django that exports through a server-side cursor and closes connections after requests."""

import os
from collections.abc import Iterator

import dj_database_url
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

ROWS = 5000
NUMBERS = f"SELECT generate_series(1, {ROWS})"


def rows() -> Iterator[str]:
    """Yield the rows as they come from the database."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(NUMBERS)
        while found := cursor.fetchmany(100):
            yield "".join(f"{number}\n" for (number,) in found)


def export(request: HttpRequest) -> StreamingHttpResponse:
    """Stream all rows."""
    return StreamingHttpResponse(rows())


def write(request: HttpRequest) -> HttpResponse:
    """Change something, in a transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE own (key int) ON COMMIT DROP")
        cursor.execute("INSERT INTO own VALUES (1) RETURNING key")
        return HttpResponse(str(cursor.fetchone()[0]))


urlpatterns = [path("export", export), path("write", write)]


def application() -> WSGIHandler:
    """Return it; only a gunicorn of the tests may make it."""
    database = dj_database_url.parse(os.environ["EXPORTED"])
    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="a test's", LOGGING_CONFIG=None,
        DATABASES={"default": {**database, "CONN_MAX_AGE": 0}},
    )  # fmt: skip
    django.setup(set_prefix=False)
    return WSGIHandler()
