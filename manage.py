#!/usr/bin/env python
"""Django's command-line utility for administrative tasks."""
import os
import sys


def main():
    """Run administrative tasks."""
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'project.settings')
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError as exc:
        raise ImportError(
            "Couldn't import Django. Are you sure it's installed and "
            "available on your PYTHONPATH environment variable? Did you "
            "forget to activate a virtual environment?"
        ) from exc
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        sys.exit("manage.py: " + " ".join(str(exc).split()))
    except OperationalError as exc:
        reason = " ".join(str(exc).split())
        connected = getattr(exc.__cause__, 'sqlstate', None)
        advice = "" if connected else " (check DATABASE_URL, and that PostgreSQL runs there)"
        sys.exit(f"manage.py: {reason}{advice}")


if __name__ == '__main__':
    main()
