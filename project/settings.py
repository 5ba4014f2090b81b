"""Django's settings; on the Django side the only reader of the environment.

Closed by default: outside development the process ends with one line on standard error unless the
secret key, the hosts, the database and the access rule are given.
"""

import sys
from pathlib import Path
from typing import Any

from project import environment
from project.access.keys import read_keys
from project.database.url import database
from project.observability.logs import logging_settings

DATABASE_URL = environment.text("DATABASE_URL")

# Development is `python manage.py …` on a machine where nothing else was said.
DEBUG = environment.flag(
    "DJANGO_DEBUG",
    default=Path(sys.argv[0]).name == "manage.py" and not environment.is_named("DATABASE_URL"),
)
EMBEDDED_POSTGRESQL_ALLOWED = DEBUG

# Secrets and hosts

SECRET_KEY = environment.text("DJANGO_SECRET_KEY", "development only, " * 4 if DEBUG else "")
if len(SECRET_KEY) < 50:
    environment.refuse(
        "DJANGO_SECRET_KEY",
        "needs at least 50 characters (for development set DJANGO_DEBUG=1). Make one: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'",
    )
ALLOWED_HOSTS = environment.hosts("DJANGO_ALLOWED_HOSTS")
if not (ALLOWED_HOSTS or DEBUG):
    environment.refuse("DJANGO_ALLOWED_HOSTS", "is missing: list the host names to answer for")

# Access

API_AUTH = environment.choice("API_AUTH", ("keys", "none"), default="keys")
API_KEYS = read_keys("API_KEYS")
if API_AUTH == "keys" and not API_KEYS:
    if not DEBUG:
        environment.refuse("API_KEYS", "is missing: give keys, or say API_AUTH=none")
    API_AUTH = "none"

# The database

DATABASES: dict[str, dict[str, Any]] = {}
if not (DATABASE_URL or EMBEDDED_POSTGRESQL_ALLOWED):
    environment.refuse("DATABASE_URL", "is missing: postgresql://user:password@host/name")
elif DATABASE_URL:
    try:
        DATABASES["default"] = database(DATABASE_URL) | {"ENGINE": "drf_speedups.postgresql"}
    except ValueError as error:
        environment.refuse("DATABASE_URL", str(error))
else:
    from project.database.embedded import SERVER

    DATABASES["default"] = database(SERVER.url()) | {"ENGINE": "project.database.embedded"}
# Off where a pooler leaves them behind: PgBouncer before 1.21, or max_prepared_statements = 0
PREPARED_STATEMENTS = environment.flag("PREPARED_STATEMENTS", default=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# What makes it fast; each can be left out, to see what it buys
SPEEDUPS = environment.subset(
    "SPEEDUPS", ("answers", "express", "fields", "headers", "overlap", "upkeep", "validation")
)

# Connections of each worker over which requests overlap; 0: they are answered one at a time
OVERLAP_LINKS = environment.number("OVERLAP_LINKS", 4, most=256)

# Applications: the admin and what it needs exist in development only

INSTALLED_APPS = [
    "crud",
    "drf_speedups",
    "project",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "project.requests.context.RequestContext",
    "project.requests.idempotency.Idempotency",
    "project.requests.preconditions.Preconditions",
    "whitenoise.middleware.WhiteNoiseMiddleware",
]
if "headers" not in SPEEDUPS:
    MIDDLEWARE[1:1] = [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
CONTEXT_PROCESSORS = ["django.template.context_processors.request"]

if DEBUG:
    INSTALLED_APPS += [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
    ]
    MIDDLEWARE += [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    CONTEXT_PROCESSORS += [
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": CONTEXT_PROCESSORS},
    }
]
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # /docs/ works from a checkout, with no `collectstatic` before

LANGUAGE_CODE = "en-us"
USE_I18N = False
TIME_ZONE = "UTC"

# Bytes of a request body; more is answered with 413.
DATA_UPLOAD_MAX_MEMORY_SIZE = environment.number("MAX_BODY_BYTES", 1_048_576, least=1)

# What browsers need to hear. Sent over HTTPS only, which ends at the proxy: gunicorn believes the
# scheme of the proxies in its `forwarded_allow_ips`, so no SECURE_PROXY_SSL_HEADER is needed.
# A browser that has heard of HSTS cannot be told otherwise before its time is over: so it is short
# until somebody says that all is well, and subdomains and preloading are somebody's decision.
SECURE_HSTS_SECONDS = environment.number("HSTS_SECONDS", 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = environment.flag("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = environment.flag("HSTS_PRELOAD", default=False)
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W001",  # no SecurityMiddleware: drf_speedups.security_headers sends the same headers
    "security.W002",  # no XFrameOptionsMiddleware: likewise
    "security.W005",  # HSTS for subdomains, and
    "security.W021",  # preloading it, are for who runs them all to say: HSTS_INCLUDE_SUBDOMAINS …
    "security.W003",  # no CSRF middleware: keys travel in a header, there are no cookies
    "security.W008",  # no redirect to HTTPS: a client must not send its key in clear even once
]

# Pages of other origins: none may call the service unless it is listed. Keys travel in a header,
# so cookies are never asked for, and `*` gives nothing away that a key would not.

CORS_ALLOWED_ORIGINS = environment.origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_ALL_ORIGINS = "*" in CORS_ALLOWED_ORIGINS
CORS_ALLOW_HEADERS = (
    "accept", "authorization", "content-type", "idempotency-key", "if-match", "if-none-match",
    "x-request-id",
)  # fmt: skip
CORS_EXPOSE_HEADERS = (
    "ETag", "Idempotency-Replayed", "Location", "Retry-After", "Server-Timing", "X-Request-ID",
)  # fmt: skip
if CORS_ALLOWED_ORIGINS:
    MIDDLEWARE.insert(1, "project.access.cors.Origins")  # a preflight carries no key

# What it tells about itself: Prometheus metrics on a port of their own, a header, traces

METRICS_PORT = environment.port("METRICS_PORT")
METRICS_HOST = environment.text("METRICS_HOST") or "0.0.0.0"  # noqa: S104  (as the service itself)
SERVER_TIMING = environment.flag("SERVER_TIMING", default=False)
OTEL_EXPORTER_OTLP_ENDPOINT = environment.collector("OTEL_EXPORTER_OTLP_ENDPOINT")
OTEL_SERVICE_NAME = environment.text("OTEL_SERVICE_NAME", "items")
if METRICS_PORT and environment.number("PORT", 8000) == METRICS_PORT:
    environment.refuse("METRICS_PORT", f"is {METRICS_PORT}, which is PORT as well")
if METRICS_PORT is not None or SERVER_TIMING or OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(0, "project.observability.middleware.Observed")

# REST

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["project.requests.parsers.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_METADATA_CLASS": "project.access.permissions.NoMetadata",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "project.requests.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # the Accept header decides, no second way
    "UNAUTHENTICATED_USER": None,
}
if API_AUTH == "keys":
    REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = ["project.access.permissions.BearerKeys"]
    REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = ["project.access.permissions.HasScope"]
if DEBUG:
    REST_FRAMEWORK["DEFAULT_RENDERER_CLASSES"] += ["rest_framework.renderers.BrowsableAPIRenderer"]
    REST_FRAMEWORK["DEFAULT_METADATA_CLASS"] = "rest_framework.metadata.SimpleMetadata"

SPECTACULAR_SETTINGS = {
    "TITLE": "Items",
    "DESCRIPTION": "One table, create, read, update and delete: the service under load.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["project.openapi.document"],
    "AUTHENTICATION_WHITELIST": [],  # keys are documented whether this process asks for them or not
    "APPEND_COMPONENTS": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    "SECURITY": [{"key": []}],
}

# Whether a change has to say, with If-Match, which state of an item it is meant for; else 428.
REQUIRE_IF_MATCH = environment.flag("REQUIRE_IF_MATCH", default=False)

LOGGING = logging_settings(
    level=environment.choice(
        "LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO"
    ),
    formatter=environment.choice(
        "LOG_FORMAT", ("people", "json"), default="people" if sys.stdout.isatty() else "json"
    ),
)
