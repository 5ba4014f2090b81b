"""A look at a service that nobody described finds the options that drive it."""

import gzip
import json
import shlex
import signal
import socket
import ssl
from contextlib import ExitStack
from itertools import count

import pytest
from flask import Flask, request

from lab.cli.main import main
from lab.probing.document import Document
from lab.probing.payloads import from_schema
from tests.lab.probing.test_document import SCHEMES
from tests.load.conftest import finish, start_headless
from tests.load.strangers import KEY, notes, serving_fastapi, serving_flask, shop

CRUD = ("--mix", "4/3/4/4/1", "--think-time", "0.02", "-u", "4", "-r", "4", "-t", "5")


@pytest.fixture(autouse=True)
def _keep_the_signals_of_pytest(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)


@pytest.fixture
def stack():
    with ExitStack() as services:
        yield services


def probed(capsys, *words):
    """Probe a service; return what was printed, and the options."""
    code = main(["probe", *words])
    said = capsys.readouterr()
    assert code == 0, said.err
    (options,) = [line for line in said.out.splitlines() if line.startswith("options: ")]
    return said.out, shlex.split(options.removeprefix("options: "))


def test_what_a_document_describes_is_found_and_drives_the_load(capsys, monkeypatch, stack):
    url = stack.enter_context(serving_fastapi(shop()))
    assert main(["probe", url]) == 2
    assert "set LOCUST_API_KEY, sent as 'X-API-Key'" in capsys.readouterr().err
    monkeypatch.setenv("LOCUST_API_KEY", KEY)
    said, options = probed(capsys, url)
    assert "Shop 0.1.0 (OpenAPI 3.1.0)" in said
    assert KEY not in said
    run = finish(start_headless(url, *options, *CRUD, LOCUST_API_KEY=KEY))
    assert run.code == 0, run.err


def test_a_service_that_compresses_though_nobody_asked_is_read(capsys, stack):
    app = notes()

    @app.after_request
    def compress(answer):
        answer.set_data(gzip.compress(answer.get_data()))
        answer.headers["Content-Encoding"] = "gzip"
        return answer

    url = stack.enter_context(serving_flask(app))
    said, _ = probed(capsys, f"{url}/notes")
    assert "list: at '.'" in said


def test_a_service_that_is_slow_or_cuts_its_answer_is_not_said_to_be_down(capsys, monkeypatch):
    monkeypatch.setattr("lab.probing.asking.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert main(["probe", url]) == 2
    assert "was not answered within 0.2 s" in capsys.readouterr().err
    assert main(["probe", url]) == 2
    assert "start it first" in capsys.readouterr().err


def test_what_nobody_describes_is_found_by_asking(capsys, stack):
    url = stack.enter_context(serving_flask(notes()))
    said, options = probed(capsys, f"{url}/notes")
    assert "no pages" in said
    assert "answers a Location" in said
    run = finish(start_headless(url, *options, *CRUD))
    assert run.code == 0, run.err


def test_nothing_is_written_under_read_only(capsys, stack):
    app = notes(rows=3)
    methods = []
    app.before_request(lambda: methods.append(request.method))
    url = stack.enter_context(serving_flask(app))
    _, options = probed(capsys, f"{url}/notes", "--read-only")
    assert set(methods) == {"GET"}
    assert options[options.index("--mix") + 1] == "80/20/0/0"


def append_only():
    """A log of events: no delete, no update, ids in a field of its own, an empty table."""
    app, found, numbers = Flask("events"), list[dict[str, str]](), count()

    @app.get("/log/events")
    def listed():
        return {"result": {"events": found[-int(request.args.get("per_page", 50)) :]}}

    @app.post("/log/events")
    def created():
        made = {"event_id": f"e-{next(numbers)}", **request.get_json()}  # of several at once
        found.append(made)
        return {"event": made}, 201

    @app.get("/log/events/<own>")
    def read(own):
        return {"event": next(one for one in found if one["event_id"] == own)}

    return app


def test_an_empty_table_needs_a_payload_and_says_so(capsys, stack):
    url = stack.enter_context(serving_flask(append_only()))
    assert main(["probe", f"{url}/log/events"]) == 2
    assert "give --payload" in capsys.readouterr().err


def test_what_cannot_be_deleted_is_left_out_of_the_mix(capsys, stack):
    app = append_only()
    with app.test_client() as client:
        client.post("/log/events", json={"title": "first"})
    url = stack.enter_context(serving_flask(app))
    said, options = probed(capsys, f"{url}/log/events")
    assert "no delete: DELETE /log/events/e-1 answered 405" in said
    assert "no update: PATCH" in said
    run = finish(start_headless(url, *options, "-u", "2", "-t", "5"))
    assert run.code == 0, run.err


@pytest.mark.parametrize(("url", "said"), [
    ("127.0.0.1:8000", "give an address such as"),
    ("http://me:secret@127.0.0.1:9", "without a password"),
    ("http://127.0.0.1:9", "nothing answers at http://127.0.0.1:9"),
])  # fmt: skip
def test_a_wrong_address_is_one_line(capsys, url, said):
    assert main(["probe", url]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "secret" not in line


def test_a_key_that_cannot_be_sent_is_not_shown(capsys, monkeypatch):
    monkeypatch.setenv("LOCUST_API_KEY", "se\ncret")
    assert main(["probe", "http://127.0.0.1:9"]) == 2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert main(["probe", f"http://127.0.0.1:{silent.getsockname()[1]}"]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("lab: LOCUST_API_KEY: must be one line")


def test_a_certificate_that_nobody_knows_is_said_how_to_trust(capsys, monkeypatch):
    def refuse(self):
        raise ssl.SSLCertVerificationError("self-signed certificate")

    monkeypatch.setattr("http.client.HTTPSConnection.connect", refuse)
    assert main(["probe", "https://127.0.0.1:9"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "SSL_CERT_FILE" in line


def behind_a_proxy():
    """A service whose document says where it is for others; it asks for a key of its own kind."""
    app = Flask("behind")
    rows = [{"id": 1, "title": "x"}]

    @app.get("/openapi.json")
    def document():
        return {
            "openapi": "3.1.0", "servers": [{"url": "https://example.com/shop"}],
            "components": {"securitySchemes": SCHEMES},
            "paths": {"/items": {"get": {}}, "/items/{id}": {"get": {}}},
        }  # fmt: skip

    @app.get("/items")
    def listed():
        return (rows, 200) if request.headers.get("X-Key") == KEY else ({}, 401)

    @app.get("/items/<own>")
    def read(own):
        return rows[0]

    return app


def test_a_prefix_of_a_proxy_and_a_scheme_of_others_are_overruled(capsys, monkeypatch, stack):
    url = stack.enter_context(serving_flask(behind_a_proxy()))
    monkeypatch.setenv("LOCUST_API_KEY", KEY)
    _, options = probed(capsys, url, "--read-only", "--auth-header", "X-Key")
    assert options[options.index("--auth-header") + 1] == "X-Key"
    assert "--base-path" not in options  # it is /items


def catalogue():
    """A service that refuses a second product of the same `sku`."""
    app = Flask("catalogue")
    rows, numbers = [{"id": 1, "sku": "first", "title": "x"}], count(2)

    @app.get("/products")
    def listed():
        return rows[: int(request.args.get("limit", 50))]

    @app.post("/products")
    def created():
        new = request.get_json()
        if any(row["sku"] == new["sku"] for row in rows):
            return {"sku": "is taken"}, 409
        made = {**new, "id": next(numbers)}
        rows.append(made)
        return made, 201

    @app.get("/products/<int:own>")
    def read(own):
        return next(row for row in rows if row["id"] == own)

    return app


def test_what_must_not_repeat_does_not(capsys, stack):
    url = stack.enter_context(serving_flask(catalogue()))
    _, options = probed(capsys, f"{url}/products")
    payload = json.loads(options[options.index("--payload") + 1])
    assert payload == {"sku": "$unique", "title": "$name"}
    document = Document({}, "")
    asked = {"properties": {"slug": {"type": "string"}, "code": {"type": "string", "maxLength": 4}}}
    assert from_schema(document, asked) == {"slug": "$unique", "code": "x"}
