"""What an API without users, sessions and templates needs of Django, and nothing else."""

import os

import dj_database_url

from peers.shared.headers import LARGEST_BODY

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["peers.django_ninja"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "peers.django_ninja.urls"
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
DATA_UPLOAD_MAX_MEMORY_SIZE = LARGEST_BODY
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING_CONFIG = None  # gunicorn's log is enough
