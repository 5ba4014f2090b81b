"""The project's settings in development mode, which bare `pytest` would not choose by itself."""

import os

os.environ.setdefault("DJANGO_DEBUG", "1")

from project.settings import *  # noqa: F403
