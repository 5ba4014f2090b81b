"""What every request leaves behind: an id that can be followed and a line in the log."""

import logging

import pytest
from django.db import OperationalError
from django.test import override_settings
from rest_framework.test import APIClient

from crud.views import ItemViewSet
from drf_speedups.answers.view import knowledge


@pytest.fixture
def client():
    return APIClient(HTTP_HOST="testserver", raise_request_exception=False)


@pytest.fixture
def broken(monkeypatch):
    """A view that fails as nobody foresaw."""

    def fail(*args, **kwargs):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(ItemViewSet, "list", fail)
    knowledge.cache_clear()  # a test before may have asked how the stock one is answered fast
    yield
    knowledge.cache_clear()


@pytest.mark.parametrize("sane", ["abc-1", "A.b_c-9", "x" * 64])
def test_a_sane_request_id_is_kept(client, sane):
    answer = client.get("/nowhere", headers={"X-Request-ID": sane})
    assert (answer["X-Request-ID"], answer.json()["request_id"]) == (sane, sane)


@pytest.mark.parametrize("odd", ["", "x" * 65, "a b", "a\n", 'a"b', "é", "a,b", "../x"])
def test_an_odd_request_id_is_replaced(client, odd):
    answer = client.get("/nowhere", headers={"X-Request-ID": odd})
    assert answer["X-Request-ID"] == answer.json()["request_id"]
    assert len(answer["X-Request-ID"]) == 32


def test_two_requests_have_two_ids(client):
    assert client.get("/livez")["X-Request-ID"] != client.get("/livez")["X-Request-ID"]


@pytest.mark.parametrize(("request_", "status"), [
    ({"path": "/items/", "HTTP_HOST": "elsewhere.example"}, 400),
    ({"path": "/items/?limit=0"}, 400),
    ({"path": "/nowhere"}, 404),
    ({"path": "/items/x"}, 404),
    ({"path": "/items/1", "method": "TRACE"}, 405),
    ({"path": "/items/", "HTTP_ACCEPT": "text/csv"}, 406),
    ({"path": "/items/", "method": "POST", "data": b"x" * 1_048_577}, 413),
    ({"path": "/items/", "method": "POST", "data": b"a=1", "content_type": "text/plain"}, 415),
])  # fmt: skip
def test_every_error_is_a_problem_that_names_its_request(client, request_, status):
    answer = client.generic(**{"method": "GET", **request_}, HTTP_X_REQUEST_ID="mine")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    body = answer.json()
    assert (body["status"], body["request_id"]) == (status, "mine")
    assert {"type", "title", "detail", "instance"} < body.keys()
    assert ("errors" in body) is (status == 400)


@override_settings(DEBUG=False)
def test_an_unforeseen_error_is_logged_once_with_its_traceback_and_told_without_it(
    client, broken, caplog
):
    with caplog.at_level(logging.INFO):
        answer = client.get("/items/", HTTP_X_REQUEST_ID="mine")
    assert (answer.status_code, answer.json()["request_id"]) == (500, "mine")
    assert "secret" not in answer.text
    assert [bool(record.exc_info) for record in caplog.records].count(True) == 1


def test_a_request_is_one_line_with_method_path_status_and_time(client, caplog):
    with caplog.at_level(logging.INFO):
        client.get("/nowhere?key=value")
    (line,) = caplog.records
    assert (line.name, line.method, line.path, line.status) == (
        "project.requests", "GET", "/nowhere", 404
    )  # fmt: skip
    assert 0 < line.ms < 60_000


def test_probes_leave_no_line(client, caplog):
    with caplog.at_level(logging.DEBUG):
        client.get("/livez")
    assert caplog.records == []


def test_a_quieter_level_writes_no_request_lines(client, caplog):
    with caplog.at_level(logging.WARNING):
        client.get("/nowhere")
    assert caplog.records == []


@override_settings(DEBUG=False)
def test_a_refusal_that_is_explained_already_is_no_line_of_the_framework(
    client, monkeypatch, caplog
):
    def away(*args, **kwargs):
        raise OperationalError("the database is away")

    monkeypatch.setattr(ItemViewSet, "list", away)
    assert client.get("/items/").status_code == 503
    assert not [record for record in caplog.records if record.name.startswith("django")]


@pytest.mark.parametrize("logger", ["django.request", "django.server"])
def test_nobody_else_writes_a_second_line_about_a_request(logger):
    assert not logging.getLogger(logger).isEnabledFor(logging.WARNING)
