"""Django's settings; on the Django side the only reader of the environment.

Closed by default: outside development the process ends with one line on standard error unless the
secret key, the hosts, the database and the access rule are given.
"""

import sys
from pathlib import Path
from typing import Any

import dj_database_url

from project import environment
from project.keys import Key, parse_keys
from project.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE_URL = environment.text("DATABASE_URL")

# Development is `python manage.py …` on a machine where nothing else was said.
DEBUG = environment.flag(
    "DJANGO_DEBUG", default=Path(sys.argv[0]).name == "manage.py" and not DATABASE_URL
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
ALLOWED_HOSTS = environment.words("DJANGO_ALLOWED_HOSTS")
if not (ALLOWED_HOSTS or DEBUG):
    environment.refuse("DJANGO_ALLOWED_HOSTS", "is missing: list the host names to answer for")

# Access

API_AUTH = environment.choice("API_AUTH", ("keys", "none"), default="keys")
API_KEYS: dict[str, Key] = {}
try:
    API_KEYS = parse_keys(environment.words("API_KEYS"))
except ValueError as error:
    environment.refuse("API_KEYS", str(error))
if API_AUTH == "keys" and not API_KEYS:
    if not DEBUG:
        environment.refuse("API_KEYS", "is missing: give keys, or say API_AUTH=none")
    API_AUTH = "none"

# The database

if DATABASE_URL:
    try:
        DATABASES = {"default": dj_database_url.parse(DATABASE_URL)}
    except ValueError:
        environment.refuse("DATABASE_URL", "is no URL like postgresql://user:password@host/name")
    if not DATABASES["default"]["ENGINE"].endswith("postgresql"):
        environment.refuse("DATABASE_URL", "names no PostgreSQL: postgresql://… is the only kind")
    if not DATABASES["default"]["NAME"]:
        environment.refuse(
            "DATABASE_URL", "names no database: postgresql://user:password@host/name"
        )
    DATABASES["default"]["ENGINE"] = "project.postgresql"
elif EMBEDDED_POSTGRESQL_ALLOWED:
    from project.embedded import SERVER

    DATABASES = {"default": dj_database_url.parse(SERVER.url())}
    DATABASES["default"]["ENGINE"] = "project.embedded"
else:
    environment.refuse("DATABASE_URL", "is missing: postgresql://user:password@host/name")

DATABASES["default"] |= {
    "CONN_MAX_AGE": None,  # connecting for every request costs more than the request
    "OPTIONS": {
        "connect_timeout": 2,
        # A link that has died without a word: unacknowledged bytes and idle connections.
        "tcp_user_timeout": 6000,
        "keepalives_idle": 10,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        # A request that the database cannot answer in time must give its thread back.
        "options": "-c statement_timeout=5s -c lock_timeout=3s",
        **DATABASES["default"].get("OPTIONS", {}),
    },
}
# Off where a pooler leaves them behind: PgBouncer before 1.21, or max_prepared_statements = 0
PREPARED_STATEMENTS = environment.flag("PREPARED_STATEMENTS", default=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# What makes it fast; each can be left out, to see what it buys
SPEEDUPS = environment.subset(
    "SPEEDUPS", ("answers", "express", "fields", "headers", "upkeep", "validation")
)

# Applications: the admin and what it needs exist in development only

INSTALLED_APPS = [
    "crud",
    "project",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "project.middleware.RequestContext",
    "project.idempotency.Idempotency",
    "project.preconditions.Preconditions",
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
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W001",  # no SecurityMiddleware: speedups.security_headers sends the same headers
    "security.W002",  # no XFrameOptionsMiddleware: likewise
    "security.W003",  # no CSRF middleware: keys travel in a header, there are no cookies
    "security.W008",  # no redirect to HTTPS: a client must not send its key in clear even once
]

# What it tells about itself: Prometheus metrics on a port of their own, a header, traces

METRICS_PORT = environment.port("METRICS_PORT")
METRICS_HOST = environment.text("METRICS_HOST") or "0.0.0.0"  # noqa: S104  (as the service itself)
SERVER_TIMING = environment.flag("SERVER_TIMING", default=False)
OTEL_EXPORTER_OTLP_ENDPOINT = environment.text("OTEL_EXPORTER_OTLP_ENDPOINT")
OTEL_SERVICE_NAME = environment.text("OTEL_SERVICE_NAME", "items")
if METRICS_PORT is not None or SERVER_TIMING or OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(0, "project.observed.Observed")

# REST

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["project.bodies.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_METADATA_CLASS": "project.access.NoMetadata",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "project.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # the Accept header decides, no second way
    "UNAUTHENTICATED_USER": None,
}
if API_AUTH == "keys":
    REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = ["project.access.BearerKeys"]
    REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = ["project.access.HasScope"]
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
