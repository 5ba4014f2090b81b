"""What an API without users and sessions needs of Django, and what fastdrf offers."""

import os

import dj_database_url

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["rest_framework", "fastdrf", "peers.django_fastdrf"]
MIDDLEWARE = ["peers.django_fastdrf.middleware.with_length"]
ROOT_URLCONF = "peers.django_fastdrf.urls"
DATABASES = {
    "default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=None),
}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "server_side_binding": True,  # without it nothing is ever prepared
    "prepare_threshold": 0,  # prepare each statement at its first use
    "connect_timeout": 5,  # seconds
    "options": "-c statement_timeout=5s -c lock_timeout=3s",
}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # bytes
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING_CONFIG = None  # gunicorn's log is enough

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["fastdrf.msgspec.MsgspecJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["fastdrf.msgspec.MsgspecJSONParser"],
    "EXCEPTION_HANDLER": "peers.django_fastdrf.views.answer_to",
}
FASTDRF = {
    "SERIALIZER_BACKEND": "msgspec",
    "CACHE_SERIALIZER_FIELDS": True,
    "FIELD_COPY_MODE": "compiled",
}
