"""Print the versions of the Python that runs this, and of what is measured in it."""

import contextlib
import platform
from importlib import metadata

told = [f"Python {platform.python_version()}"]
for package in ("django", "djangorestframework", "gunicorn", "psycopg", "django-fastdrf"):
    with contextlib.suppress(metadata.PackageNotFoundError):
        told.append(f"{package} {metadata.version(package)}")
print(", ".join(told))  # noqa: T201
