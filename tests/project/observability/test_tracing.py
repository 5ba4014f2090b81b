"""OpenTelemetry traces of the service under a real gunicorn, sent to a collector of ours."""

import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from crud.models import Item
from project.observability import tracing
from tests.forks import serving
from tests.project.observability.test_metrics import ITEM, ask_until_both_answered
from tests.project.test_gunicorn import DJANGO, MOSTLY_OURS

SERVER, CLIENT = 2, 3  # kinds of spans in the protocol
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent: (attributes of the process, span)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[tuple[dict[str, Any], Any]] = []


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            who = values(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.server.spans += [(who, span) for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def values(attributes) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


@pytest.mark.parametrize("kind", MOSTLY_OURS)
@pytest.mark.django_db(transaction=True)
def test_every_worker_sends_spans_and_keeps_the_trace_of_the_client(database_url, tmp_path, kind):
    item = Item.objects.create(name="Desk", price=1)
    with collecting() as collector:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
               "GUNICORN_WORKER_CLASS": kind, "LOG_LEVEL": "INFO"}  # fmt: skip
        with serving(DJANGO, database_url, log=tmp_path / "log", workers=2, env=env) as server:
            url = f"{server.url}/items/{item.pk}/"
            asked = ask_until_both_answered(url)
            httpx.get(url, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        # The stop sent what had not been sent.
    (start,) = re.findall(r"2 workers x .*? database connections", (tmp_path / "log").read_text())
    assert "links" not in start  # traced requests do not overlap
    spans = [span for _, span in collector.spans]
    answers = [one for one in spans if one.kind == SERVER and one.name == f"GET {ITEM}"]
    assert len(answers) == asked + 1
    assert {who["service.name"] for who, _ in collector.spans} == {"items"}
    (mine,) = (one for one in answers if one.trace_id.hex() == TRACE)
    assert mine.parent_span_id.hex() == PARENT
    assert values(mine.attributes)["http.route"] == ITEM
    selects = [one for one in spans if one.kind == CLIENT and one.name == "SELECT"]
    (select,) = (one for one in selects if one.parent_span_id == mine.span_id)
    assert "crud_item" in values(select.attributes)["db.query.text"]
    assert {one.span_id for one in answers} <= {one.parent_span_id for one in selects}


@pytest.mark.django_db
def test_a_collector_that_is_not_there_costs_no_request_and_no_time_at_the_end(
    database_url, tmp_path
):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with serving(DJANGO, database_url, log=tmp_path / "log", env=env) as server:
        assert server.program
        assert httpx.get(f"{server.url}/items/").status_code == 200
        os.kill(server.program.pid, signal.SIGTERM)
        assert server.program.wait(8) == 0


def test_missing_packages_stop_the_start_with_one_line(monkeypatch, capsys):
    monkeypatch.setattr(tracing, "NEEDED", ("opentelemetry_of_nobody.sdk",))
    with pytest.raises(SystemExit) as ended:
        tracing.Tracing("http://127.0.0.1:1", "items").starting(None)
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
        "pip install -r requirements-otel.txt\n"
    )
