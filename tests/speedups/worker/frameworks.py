"""The same small application in five frameworks, each below a path of its own.

/stream names the request in each row; /file, /upload, /hooked and /broken are what they say.
"""

import hashlib
import io
from collections.abc import Iterator
from typing import Any
from wsgiref.util import shift_path_info

import bottle
import django
import falcon
import flask
import flask_sock
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.threadlocal import get_current_request

ROWS = 300
FILE = bytes(range(256)) * 2000
finished: list[str] = []


def digest(data: bytes) -> str:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}"


# Flask

flask_app = flask.Flask("frameworks")


@flask_app.get("/stream")
def flask_stream() -> flask.Response:
    def rows() -> Iterator[str]:
        for number in range(ROWS):
            yield f"{number},{flask.request.args['who']}\n"

    return flask.Response(flask.stream_with_context(rows()), mimetype="text/csv")


@flask_app.get("/file")
def flask_file() -> flask.Response:
    return flask.send_file(io.BytesIO(FILE), mimetype="application/octet-stream")


@flask_app.post("/upload")
def flask_upload() -> str:
    return digest(flask.request.get_data())


@flask_app.get("/hooked")
def flask_hooked() -> str:
    return flask.request.headers.get("X-Hooked", "no hook")


@flask_app.get("/broken")
def flask_broken() -> flask.Response:
    def rows() -> Iterator[str]:
        yield "one\n"
        raise ValueError("broken")

    return flask.Response(rows())


@flask_sock.Sock(flask_app).route("/socket")
def flask_socket(client: Any) -> None:
    while True:
        client.send(client.receive())


# Bottle

bottle_app = bottle.Bottle()


@bottle_app.get("/stream")
def bottle_stream() -> Iterator[str]:
    bottle.response.content_type = "text/csv"
    for number in range(ROWS):
        yield f"{number},{bottle.request.query['who']}\n"


@bottle_app.get("/file")
def bottle_file() -> io.BytesIO:
    bottle.response.content_type = "application/octet-stream"
    return io.BytesIO(FILE)


@bottle_app.post("/upload")
def bottle_upload() -> str:
    return digest(bottle.request.body.read())


@bottle_app.get("/hooked")
def bottle_hooked() -> str:
    return str(bottle.request.get_header("X-Hooked", "no hook"))


@bottle_app.get("/broken")
def bottle_broken() -> Iterator[str]:
    yield "one\n"
    raise ValueError("broken")


# Falcon


class Falcon:
    def __init__(self, what: str) -> None:
        self.what = what

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        if self.what == "stream":
            response.content_type = "text/csv"
            who = request.get_param("who")
            response.stream = (f"{number},{who}\n".encode() for number in range(ROWS))
        elif self.what == "file":
            response.content_type = "application/octet-stream"
            response.set_stream(io.BytesIO(FILE), len(FILE))
        elif self.what == "broken":
            response.stream = self.broken()
        else:
            response.text = request.get_header("X-Hooked") or "no hook"

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        response.text = digest(request.bounded_stream.read())

    @staticmethod
    def broken() -> Iterator[bytes]:
        yield b"one\n"
        raise ValueError("broken")


falcon_app = falcon.App()
for what in ("stream", "file", "upload", "hooked", "broken"):
    falcon_app.add_route(f"/{what}", Falcon(what))


# Pyramid


def pyramid_stream(request: Any) -> Response:
    def rows() -> Iterator[bytes]:
        for number in range(ROWS):
            yield f"{number},{request.params['who']}\n".encode()

    return Response(app_iter=rows(), content_type="text/csv")


def pyramid_file(request: Any) -> Response:
    file = io.BytesIO(FILE)
    wrapped = request.environ["wsgi.file_wrapper"](file, 10_000)
    return Response(app_iter=wrapped, content_type="application/octet-stream")


def pyramid_upload(request: Any) -> Response:
    return Response(digest(request.body))


def pyramid_hooked(request: Any) -> Response:
    return Response(get_current_request().headers.get("X-Hooked", "no hook"))


def pyramid_broken(request: Any) -> Response:
    def rows() -> Iterator[bytes]:
        yield b"one\n"
        raise ValueError("broken")

    return Response(app_iter=rows())


def _pyramid() -> Any:
    with Configurator() as config:
        for what in ("stream", "file", "upload", "hooked", "broken"):
            config.add_route(what, f"/{what}")
            config.add_view(globals()[f"pyramid_{what}"], route_name=what)
        return config.make_wsgi_app()


# Django


def django_stream(request: HttpRequest) -> StreamingHttpResponse:
    who = request.GET["who"]
    rows = (f"{number},{who}\n" for number in range(ROWS))
    return StreamingHttpResponse(rows, content_type="text/csv")


def django_file(request: HttpRequest) -> FileResponse:
    return FileResponse(io.BytesIO(FILE), content_type="application/octet-stream")


def django_upload(request: HttpRequest) -> HttpResponse:
    return HttpResponse(digest(request.body))


def django_hooked(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.headers.get("X-Hooked", "no hook"))


def django_broken(request: HttpRequest) -> StreamingHttpResponse:
    def rows() -> Iterator[str]:
        yield "one\n"
        raise ValueError("broken")

    return StreamingHttpResponse(rows())


urlpatterns = [
    path(what, globals()[f"django_{what}"])
    for what in ("stream", "file", "upload", "hooked", "broken")
]


def _django() -> WSGIHandler:
    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="a test's", LOGGING_CONFIG=None,
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    )  # fmt: skip
    django.setup(set_prefix=False)
    request_finished.connect(lambda **_: finished.append("django"), weak=False)
    return WSGIHandler()


def dispatching() -> Any:
    """Return one WSGI application of all five; only a gunicorn of the tests may make it."""
    below = {
        "flask": flask_app, "bottle": bottle_app, "falcon": falcon_app, "pyramid": _pyramid(),
        "django": _django(),
    }  # fmt: skip

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        name = shift_path_info(environ)
        if name not in below:
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        return below[name](environ, start_response)

    return application
