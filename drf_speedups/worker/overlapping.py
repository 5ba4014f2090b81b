"""Requests that an application's lane answers: many are under way while one worker goes on.

An application has a lane if it has an attribute `overlap` (see `drf_speedups.overlap`). The worker
knows nothing of databases, the lane nothing of clients.
"""

import time
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from inspect import getattr_static
from typing import Any

from drf_speedups.worker.answering import Answering
from drf_speedups.worker.connection import Connection, State
from drf_speedups.worker.http.reply import Reply, whole

STATUS = {code: f"{code} {HTTPStatus(code).phrase}" for code in (200, 201, 204)}


def own_lane(application: Any) -> Any:
    """Return the lane of an application, None if that is one of another that stands within it.

    Who wraps an application wants to see its requests: `functools.wraps` copies all attributes, and
    a proxy has them.
    """
    has = getattr_static(application, "overlap", None) is not None
    lane = getattr(application, "overlap", None) if has else None
    within = getattr(application, "__wrapped__", None)
    return None if lane is getattr(within, "overlap", None) else lane


class Overlapping(Answering):
    """Asks the lane before it makes a WSGI environment."""

    lane: Any = None  # the application's, if it has one

    def open_lane(self) -> None:
        """Use the application's lane, unless somebody's hooks want to see each request."""
        lane = own_lane(self.wsgi)
        if lane is not None and not self.hooks.want_all:
            lane.open(self.poller, self.LONGEST_WAIT)
            self.lane = lane

    def begin(self, connection: Connection) -> None:
        """Let the request overlap with others, if the application has a lane for it."""
        if self.lane is not None and connection.left is None:
            connection.started = time.monotonic()
            request = connection.request
            pending = self.lane.begin(request, connection.started - connection.arrived)
            if pending is not None:
                pending.client = connection, request
                connection.state = State.UNDER_WAY
                return
        if self.lane is not None:
            self.lane.flush()
        super().begin(connection)

    def take_done(self) -> None:
        """Send the answers that the lane has got."""
        for pending in self.lane.done():
            connection, request = pending.client
            if connection.request is request:  # else its client has gone
                self._guarded(connection, partial(self._deliver, pending))

    def _deliver(self, pending: Any, connection: Connection) -> None:
        answer = pending.answer
        if pending.is_late:
            self._shed(connection)
        elif answer is None:  # the application has to see it
            connection.left = pending.left
            connection.state = State.QUEUED
            self.queue.append(connection)
        else:
            request = connection.request
            self._count_request()
            connection.closes = request.should_close() or not (self.alive and self.keepalive)
            status, headers, body = STATUS[answer.status], answer.headers, answer.body
            text = whole(request.version, status, headers, body, closes=connection.closes)
            try:
                connection.out.send(text)
            finally:  # also where nobody waits for it any more: it is done
                if self.hooks.logs:
                    self._log(connection, status, headers, len(body))
            connection.request = None
            self._start_sending(connection)

    def _log(self, connection: Connection, status: str, headers: Any, sent: int) -> None:
        """Write the line of the access log as for an answer of the application."""
        request = connection.request
        reply = Reply(request, connection.out.send)
        reply.start_response(status, headers)
        reply.sent = sent
        spent = timedelta(seconds=time.monotonic() - connection.started)
        try:
            self.log.access(reply, request, self.plain_environ(connection), spent)
        except BaseException:  # the loop goes on after any
            self.log.exception("Exception in the access log")
