"""The project's settings in development mode, which bare `pytest` would not choose by itself."""

import os

os.environ.setdefault("DJANGO_DEBUG", "1")

from project.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.speedups.library"]  # noqa: F405

# No test needs what it wrote to outlive a loss of power.
DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"  # noqa: F405

# Those of production take half a second for a password, on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A client's first request builds the middleware, which need not list all static files each time.
WHITENOISE_AUTOREFRESH = True
