"""OpenTelemetry traces: a span for each request, and one for each way to the database in it.

The packages of requirements-otel.txt are imported only here, in workers that trace.
"""

import functools
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from drf_speedups.server.lifecycle import LifecycleHooks
from project.database.timing import stand_around
from project.observability.middleware import ROUTE

NEEDED = "opentelemetry.instrumentation.wsgi", "opentelemetry.exporter.otlp.proto.http"
PATIENCE = 1.0  # seconds for the collector to take a batch
NAMES = {"get_new_connection": "CONNECT", "_commit": "COMMIT", "_rollback": "ROLLBACK"}


class Tracing(LifecycleHooks):
    """Threads do not live on in a forked process: each worker has its own provider."""

    def __init__(self, endpoint: str, service: str) -> None:
        self.endpoint = endpoint
        self.service = service

    def starting(self, arbiter: Any) -> None:
        """End the start in one line if the packages are missing."""
        if not all(map(_is_installed, NEEDED)):
            print("OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "  # noqa: T201
                  "pip install -r requirements-otel.txt", file=sys.stderr)  # fmt: skip
            raise SystemExit(2)

    def worker_started(self, worker: Any) -> None:
        """Begin to trace."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        url = f"{self.endpoint.rstrip('/')}/v1/traces"
        self.batches = BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=PATIENCE))
        resource = Resource.create({"service.name": self.service})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self.batches)
        traced = OpenTelemetryMiddleware(worker.wsgi, response_hook=_name, tracer_provider=provider)
        worker.wsgi = functools.partial(_whole, traced)
        tracer = provider.get_tracer(__name__)
        stand_around(functools.partial(_traced, tracer=tracer))

    def worker_stops(self) -> None:
        """Send what is left, unless the collector does not take it: a stop has 8 s in all."""
        last = threading.Thread(target=self.batches.shutdown, daemon=True)
        last.start()
        last.join(2 * PATIENCE)


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even its parents
        return False


def _whole(traced: Callable[..., Iterable[bytes]], environ: Any, start_response: Any) -> Any:
    """End the span with the answer: a worker may go on with others while a client reads it."""
    return [*traced(environ, start_response)]


def _name(span: Any, environ: dict[str, Any], _status: str, _headers: Any) -> None:
    route = environ.get(ROUTE)
    if route:
        span.update_name(f"{environ['REQUEST_METHOD']} {route}")
        span.set_attribute("http.route", route)


def _traced(way: Callable[..., Any], tracer: Any) -> Callable[..., Any]:
    from opentelemetry.trace import SpanKind, get_current_span

    @functools.wraps(way)
    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not get_current_span().is_recording():
            return way(self, *args, **kwargs)
        sql = getattr(self, "sql", args[0] if args else None)  # never its parameters
        name = NAMES.get(way.__name__) or str(sql).split(None, 1)[0]
        with tracer.start_as_current_span(name, kind=SpanKind.CLIENT) as span:
            span.set_attribute("db.system.name", "postgresql")
            if way.__name__ not in NAMES:
                span.set_attribute("db.query.text", str(sql))
            return way(self, *args, **kwargs)

    return traced
