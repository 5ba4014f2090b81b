"""gunicorn's hooks around a request, which cost nothing where none is set."""

import logging
from typing import Any

from gunicorn.config import Config, PostRequest, PreRequest
from gunicorn.glogging import Logger
from gunicorn.instrument.statsd import Statsd

OWN_LOGGERS = {Logger, Statsd}  # which need no more of a request than `Request` has


class Hooks:
    """`pre_request` and `post_request` of a configuration."""

    def __init__(self, cfg: Config) -> None:
        logs = logging.getLogger("gunicorn.error").isEnabledFor(logging.DEBUG)
        sees = cfg.pre_request is not PreRequest.default
        self._before = cfg.pre_request if sees or logs else None  # gunicorn's own logs at DEBUG
        hears = cfg.post_request is not PostRequest.default
        self._after = cfg.post_request if hears else None
        # Somebody's own code gets gunicorn's own request, with all that it offers.
        self.logs = (
            bool(
                cfg.accesslog
                or cfg.logconfig
                or cfg.logconfig_dict
                or cfg.logconfig_json
                or cfg.syslog
            )
            or cfg.logger_class is not Logger
        )  # what gunicorn's logger looks at before it writes
        self.want_all = sees or hears or cfg.logger_class not in OWN_LOGGERS

    def before(self, worker: Any, request: Any) -> None:
        """Call `pre_request`."""
        if self._before is not None:
            self._before(worker, request)

    def after(self, worker: Any, request: Any, environ: dict[str, Any], reply: Any) -> None:
        """Call `post_request`."""
        if self._after is not None:
            self._after(worker, request, environ, reply)
