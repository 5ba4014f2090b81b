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


class OneLine(logging.Formatter):
    """For people: what a client sent stays on its line and tells the terminal nothing.

    A traceback takes lines of its own, which are indented.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        """Return the line, what cannot be printed escaped."""
        return _printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's name)
        """Return the traceback, likewise."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {_printable(line)}" for line in lines)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def logging_settings(level: str, formatter: str) -> dict[str, Any]:
    """Return Django's LOGGING: from `level` on, to standard output, for `people` or as `json`."""
    unexpected = "CRITICAL" if level == "CRITICAL" else "ERROR"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "project.observability.logs.WithRequestId"},
            "traceback": {"()": "project.observability.logs.WithTraceback"},
        },
        "formatters": {
            "people": {
                "()": "project.observability.logs.OneLine",
                "format": "%(asctime)s %(levelname)s %(message)s",
                "datefmt": "%H:%M:%S",
            },
            "json": {
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
                "formatter": formatter,
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level},
            "django.request": {"level": unexpected, "filters": ["traceback"]},
            "django.server": {"level": unexpected},
            # A client's own 400, such as for a thousand parameters: not worth a traceback each.
            "django.security": {"level": "CRITICAL"},
            "gunicorn.error": {"handlers": [], "propagate": True},  # its level: `--log-level`
        },
    }
