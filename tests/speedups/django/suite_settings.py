"""Settings for Django's own tests: two databases on PostgreSQL, and a runner that reports."""

import os
from typing import Any

import dj_database_url

_server: Any = dj_database_url.parse(os.environ["SUITE_DATABASE_URL"])
# No test needs what it wrote to outlive a loss of power.
_server["OPTIONS"] = {**_server.get("OPTIONS", {}), "options": "-c synchronous_commit=off"}

DATABASES = {
    alias: {**_server, "NAME": f"django_{os.environ['SUITE_NAME']}_{alias}"}
    for alias in ("default", "other")
}
TEST_RUNNER = "suite_runner.Runner"
# As Django's own settings for its tests are.
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
