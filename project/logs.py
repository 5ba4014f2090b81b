"""Logs: one JSON object per line for machines, one short line for people on a terminal."""

import logging
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="-")


class WithRequestId(logging.Filter):
    """Puts the id of the request in hand on every line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attribute; let every record pass."""
        record.request_id = request_id.get()
        return True


class WithTraceback(logging.Filter):
    """Keeps what nobody foresaw; lines of `project.requests` and others tell the rest."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is about an exception."""
        return bool(record.exc_info)


def logging_settings(level: str, *, for_people: bool) -> dict[str, Any]:
    """Return Django's LOGGING: everything goes to standard output from `level` on."""
    unexpected = "CRITICAL" if level == "CRITICAL" else "ERROR"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "project.logs.WithRequestId"},
            "traceback": {"()": "project.logs.WithTraceback"},
        },
        "formatters": {
            "people": {"format": "%(asctime)s %(levelname)s %(message)s", "datefmt": "%H:%M:%S"},
            "machines": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "{asctime}{levelname}{name}{message}{request_id}{process}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "severity", "name": "logger"},
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            },
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "filters": ["request_id"],
                "formatter": "people" if for_people else "machines",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level},
            "django.request": {"level": unexpected, "filters": ["traceback"]},
            "django.server": {"level": unexpected},
            # A client's own 400, such as for a thousand parameters: not worth a traceback each.
            "django.security": {"level": "CRITICAL"},
            "gunicorn.error": {"handlers": [], "level": level, "propagate": True},
        },
    }
