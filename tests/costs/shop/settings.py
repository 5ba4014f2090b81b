"""What `startproject` writes, on PostgreSQL, with the tutorial's settings of REST framework."""

import os
from urllib.parse import parse_qs, urlsplit

_to = urlsplit(os.environ["DATABASE_URL"])
SECRET_KEY = "measured"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles",
    "rest_framework", "tests.costs.shop",
]  # fmt: skip
VARIANT = os.environ.get("VARIANT", "stock")
if VARIANT == "ours":
    INSTALLED_APPS += ["drf_speedups"]  # the one line
if VARIANT == "fastdrf":
    INSTALLED_APPS += ["fastdrf"]
    FASTDRF = {"SERIALIZER_BACKEND": "msgspec", "CACHE_SERIALIZER_FIELDS": True,
               "FIELD_COPY_MODE": "compiled"}  # fmt: skip
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "tests.costs.shop.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": _to.path[1:], "USER": _to.username,
        "PASSWORD": _to.password or "", "PORT": _to.port or "",
        "HOST": parse_qs(_to.query).get("host", [_to.hostname or ""])[0], "CONN_MAX_AGE": 600,
    }
}  # fmt: skip
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK = {
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 20,
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.DjangoModelPermissionsOrAnonReadOnly"
    ],
}
if VARIANT == "fastdrf":
    REST_FRAMEWORK["DEFAULT_RENDERER_CLASSES"] = [
        "fastdrf.msgspec.MsgspecJSONRenderer", "rest_framework.renderers.BrowsableAPIRenderer",
    ]  # fmt: skip
