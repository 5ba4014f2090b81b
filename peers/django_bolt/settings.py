"""What an API without users, sessions and templates needs of Django and of bolt."""

import os

import dj_database_url

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["django_bolt"]
BOLT_API = ["peers.django_bolt.api:api"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "peers.django_bolt.urls"
# No CONN_MAX_AGE: bolt keeps a connection for each thread anyway, and with one would check it
# before each call.
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "server_side_binding": True,  # without it nothing is ever prepared
    "prepare_threshold": 0,  # prepare each statement at its first use
    "connect_timeout": 5,  # seconds
    "options": "-c statement_timeout=5s -c lock_timeout=3s",
}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING_CONFIG = None
BOLT_MAX_UPLOAD_SIZE = 1_048_576  # bytes
