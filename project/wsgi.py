"""The WSGI application that gunicorn serves: `gunicorn project.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from drf_speedups.database.old_connections import look_before_closing
from drf_speedups.server.lifecycle import lifecycle_hooks
from project.access.keys import KeysAnew
from project.requests.edge import Edge

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django = get_wsgi_application()

from drf_speedups.express import ExpressLane  # noqa: E402  (the framework looks at our settings)
from drf_speedups.overlap import overlapping  # noqa: E402

look_before_closing()
lifecycle_hooks.append(KeysAnew())
if settings.METRICS_PORT is not None:
    from project.observability.metrics import Metrics

    lifecycle_hooks.append(Metrics(settings.METRICS_HOST, settings.METRICS_PORT))
if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
    from project.observability.tracing import Tracing

    lifecycle_hooks.append(
        Tracing(settings.OTEL_EXPORTER_OTLP_ENDPOINT, settings.OTEL_SERVICE_NAME)
    )
lane = ExpressLane(django)
application = Edge(lane, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
application.overlap = overlapping(
    lane, settings.OVERLAP_LINKS
)  # before gunicorn forks: workers share what is found
