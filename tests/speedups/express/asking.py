"""Requests put to a WSGI application, the lane or Django, and what comes back."""

import io

PLAIN = {"name": "Desk", "price": "1.50"}


def environ(method, target, body=b"", **more):
    location, _, query = target.partition("?")
    return {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": location, "QUERY_STRING": query,
        "SERVER_NAME": "testserver", "SERVER_PORT": "80", "HTTP_HOST": "testserver",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)) if body else "", "HTTP_X_REQUEST_ID": "mine", **more,
    }  # fmt: skip


def ask(application, *args, **more):
    """Return status, headers and body."""
    told = []
    answer = application(environ(*args, **more), lambda *given: told.append(given))
    body = b"".join(answer)  # not closed: the test's transaction would end with the connection
    ((status, headers),) = told
    return status, sorted(headers), body
