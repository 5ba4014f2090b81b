"""Flask, Bottle, Falcon, Pyramid and Django under `sync`, `gthread` and ours: the same answers."""

import itertools
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import simple_websocket

from tests.contract.raw import HOST, head
from tests.speedups.worker.serving import BUFFERED, gunicorn, receive_all, talk

FRAMEWORKS = ("flask", "bottle", "falcon", "pyramid", "django")
CLASSES = ("sync", "gthread", BUFFERED)
OF_THE_CONNECTION = re.compile(rb"(Server|Date|Connection|Keep-Alive): .*", re.IGNORECASE)
BODIES = {"none": b"", "small": b"hello", "large": bytes(range(256)) * 8192}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return the address of a gunicorn of each class, serving all frameworks with hooks set."""
    folder = tmp_path_factory.mktemp("frameworks")
    application = "frameworks:dispatching()"
    with (
        gunicorn(folder, application, worker_class="sync", hooks=True) as (sync, _),
        gunicorn(folder, application, worker_class="gthread", threads=4, hooks=True) as (thread, _),
        gunicorn(folder, application, hooks=True) as (ours, _),
    ):
        yield dict(zip(CLASSES, (sync, thread, ours), strict=True))


def get(path, method="GET"):
    return head(f"{method} {path} HTTP/1.1", HOST, "Connection: close")


def post(path, data, *, chunked):
    if not chunked:
        headers = (f"Content-Length: {len(data)}",)
    else:
        headers = ("Transfer-Encoding: chunked",)
        data = (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n"
    return head(f"POST {path} HTTP/1.1", HOST, "Connection: close", *headers, body=data)


def seen(answer):
    """Return status line, headers but those of the connection, and the body without its frame."""
    lines, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = lines.split(b"\r\n")
    kept = sorted(line for line in headers if not OF_THE_CONNECTION.fullmatch(line))
    return status, kept, joined(body) if b"Transfer-Encoding: chunked" in kept else body


def joined(body):
    blocks, ended = [], False
    while body and not ended:
        size, _, body = body.partition(b"\r\n")
        ended = not int(size, 16)
        blocks.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(blocks), ended


def same(served, request):
    """Return the answer that all three give."""
    answers = [seen(talk(served[name], request, end=False)) for name in CLASSES]
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_files_hooks_and_errors_are_the_same_under_all_three(served, framework):
    status, _, body = same(served, get(f"/{framework}/file"))
    assert status == b"HTTP/1.1 200 OK"
    assert len(body[0] if isinstance(body, tuple) else body) == 256 * 2000
    assert b"by a hook" in same(served, get(f"/{framework}/hooked"))[2]
    assert same(served, get(f"/{framework}/broken"))[2] == (b"one\n", False)
    assert b" 404 " in same(served, get(f"/{framework}/nowhere"))[0]
    same(served, get(f"/{framework}/file", "HEAD"))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_uploads_are_the_same_under_all_three(served, framework):
    for data, chunked in itertools.product(BODIES.values(), (False, True)):
        status, _, body = same(served, post(f"/{framework}/upload", data, chunked=chunked))
        whole = body[0] if isinstance(body, tuple) else body
        assert whole.startswith(b"%d " % len(data)) or chunked  # not every framework reads chunks
        assert status == b"HTTP/1.1 200 OK" or chunked


@pytest.mark.parametrize("name", CLASSES)
def test_a_web_socket_of_flask_sock_works_and_the_worker_goes_on(served, name):
    host, port = served[name]
    for _ in range(3):
        client = simple_websocket.Client(f"ws://{host}:{port}/flask/socket")
        for word in ("one", "two"):
            client.send(word)
            assert client.receive(timeout=20) == word
        client.close()
    assert b" 404 " in talk(served[name], get("/flask/nowhere"), end=False)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_streams_of_many_clients_are_their_own_under_all_three(served, framework):
    def download(at):
        name, number = at
        request = get(f"/{framework}/stream?who=client{number}")
        with socket.create_connection(served[name], timeout=60) as client:
            client.sendall(request)
            body, ended = seen(receive_all(client))[2]
        assert ended
        assert {row.partition(b",")[2] for row in body.splitlines()} == {b"client%d" % number}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(download, itertools.product(CLASSES, range(12))))
