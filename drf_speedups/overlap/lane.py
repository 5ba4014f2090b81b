"""What a worker asks for each request: may it overlap, and which answers are there.

The worker knows no Django, and this knows no client's socket. What depends on the header block only
is decided once for each block that the worker remembers (`Head`), and not for each request.
"""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from django.db import connections

from drf_speedups.answers.action import Action, Plan
from drf_speedups.answers.light_request import Answer
from drf_speedups.answers.view import FAILED
from drf_speedups.database import old_connections
from drf_speedups.database.pooler import prepares
from drf_speedups.database.statements import DONE, PREPARE_AGAIN, rows_of, text_of
from drf_speedups.eligibility.database import is_watched, needs_cursor
from drf_speedups.eligibility.driver import error_from_result, psycopg, sqlstate
from drf_speedups.eligibility.views import in_default_timezone
from drf_speedups.express.lane import Lane, is_plain, is_refused
from drf_speedups.express.routes import Endpoint
from drf_speedups.overlap.link import Call, Link, is_prepared_already, was_aborted
from drf_speedups.overlap.link_pool import LinkPool
from drf_speedups.overlap.worker_request import WorkerRequest
from drf_speedups.writes import DEADLOCK_OR_SERIALIZATION_FAILURE

MOST = 256  # requests under way in one worker
LOOK = 1.0  # seconds between two looks at the age of links, which is told in such
READ_ONLY = b"25006"
WAITING = 0.05  # seconds between two looks at who waits for a link, or to be begun
SACRIFICED = {state.encode() for state in DEADLOCK_OR_SERIALIZATION_FAILURE}


class Pending:
    """A request whose statement is under way."""

    __slots__ = (
        "answer", "attempts", "call", "client", "endpoint", "is_late", "left", "light", "plan",
    )  # fmt: skip

    def __init__(self, light: WorkerRequest, endpoint: Endpoint, plan: Plan, call: Call) -> None:
        self.light = light
        self.endpoint = endpoint
        self.plan = plan
        self.call = call
        self.attempts = 1
        self.client: Any = None  # the worker's
        self.answer: Answer | None = None  # None: the WSGI application has to answer
        self.left: dict[str, Any] = {}  # what that then finds in its environment
        self.is_late = False  # it has waited for a link for too long, and nothing was done


class OverlapLane:
    """Answers what an express lane would answer, many at a time."""

    def __init__(self, lane: Lane, alias: str, links: int) -> None:
        self.lane = lane
        self.alias = alias
        self.most_links = links
        self.under_way = 0
        self._is_watched = False  # somebody wraps the statements of each new connection
        self._done: list[Pending] = []
        self._held: dict[Endpoint | None, bool] = {}  # in this turn of the loop
        self._waiting: tuple[deque[Pending], ...] = (deque(), deque())  # reads, changes
        self.links: LinkPool

    def open(self, poller: Any, longest_wait: float) -> None:
        """Begin in a worker, whose poller tells it of the links.

        `longest_wait`: seconds that a request may wait for a link, 0 for any time.
        """
        self.links = LinkPool(self.most_links, self._connect, poller)
        self._longest_wait = longest_wait or float("inf")
        self._connection: Any = connections[self.alias]  # Django's own
        self._look_at = 0.0  # monotonic seconds: when the age of links is looked at again

    def close(self) -> None:
        """End the links."""
        self.links.close()

    def is_full(self) -> bool:
        """Tell whether as many requests are under way as may be."""
        return self.under_way >= MOST

    def patience(self, seconds: float) -> float:
        """Return for how long the poller may wait, at most `seconds`."""
        self._held.clear()
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + LOOK
            self.links.replace_old(now)
        if self._done:
            return 0.0
        return min(seconds, WAITING) if any(self._waiting) or self.is_full() else seconds

    def begin(self, request: Any, waited: float) -> Pending | None:
        """Send the statement of a request, now or when a link is free; None: it is no lane's.

        `waited` is how long it has waited in the worker, in seconds.
        """
        link = self.links.connection
        if link is None or self._is_watched or is_watched(self._connection):
            return None
        if self._is_due_to_cursors(link):
            return None
        if not old_connections.alone() or not in_default_timezone():
            return None
        path = request.path
        odd = "%" in path or request.spool is not None or request.head.chunked is not None
        odd = odd or is_refused(request.query)
        found = None if odd else self.lane.routes.find(path)
        if found is None:
            return None
        endpoint, kwargs = found
        action = self._action(request, endpoint)
        if action is None:
            return None
        light = WorkerRequest(request, waited)
        try:
            plan = action.plan(light, kwargs) if action.silence else None
        except Exception:  # noqa: BLE001  (nothing is done yet: Django meets it again)
            return None
        if plan is None:
            return None
        texts = [text_of(value, link) for value in plan.values]
        if NotImplemented in texts:
            return None
        call = Call(plan.statement.native(link), texts, None, may_wait=action.may_wait)
        call.owner = pending = Pending(light, endpoint, plan, call)
        self.under_way += 1
        # Nobody overtakes who waits already: links come free while newcomers are taken up.
        if any(self._waiting) or not self._send(pending):
            self._wait(pending)
        return pending

    def _send(self, pending: Pending) -> bool:
        """Send a statement if there is a link for it; what is tried again shares no Sync."""
        again = pending.attempts > 1
        return self.links.send(pending.call, changes=pending.plan.changes, alone=again)

    def _wait(self, pending: Pending) -> None:
        """Wait for a link: reads and changes apart."""
        self._waiting[pending.plan.changes].append(pending)

    def flush(self) -> None:
        """Send what was begun: the application comes next, which may take its time."""
        self.links.flush()

    def receive(self, fd: int) -> None:
        """Read what has come for the poller's descriptor, if that is a link's."""
        if self.links.is_ours(fd):
            for call in self.links.receive(fd):
                self._take(call)

    def done(self) -> Iterator[Pending]:
        """Yield the requests that can be answered now."""
        for call in self.links.lost():
            self._take(call)
        self._send_all()
        lost = [*self.links.lost()]  # in sending: nothing else may wake us for them
        for call in lost:
            self._take(call)
        if lost:
            self._send_all()
        done, self._done = self._done, []
        self.under_way -= len(done)
        yield from done

    def _send_all(self) -> None:
        for waiting in self._waiting:
            if waiting:
                self._send_waiting(waiting)
        self.links.flush()

    def _send_waiting(self, waiting: "deque[Pending]") -> None:
        """Send those for which a link is free, oldest first; refuse who has waited too long."""
        nobody = self.links.connection is None  # then Django says that the database is away
        while waiting:
            light = waiting[0].light
            late = light.waited + time.perf_counter() - light.started > self._longest_wait
            if not (late or nobody or self._send(waiting[0])):
                return
            pending = waiting.popleft()
            if late or nobody:
                pending.is_late = late
                self._done.append(pending)

    def _take(self, call: Call) -> None:
        """Make the answer of a statement that is done, or send it once more."""
        pending: Pending = call.owner
        call.owner = None  # no circle: what is done is freed at once, and not by the collector
        pending.light.in_database += call.seconds
        result = call.result
        if result is not None and result.status in DONE:
            self._answer(pending, result)
        elif not self._again(pending, call):
            self._leave(pending, call)
            self._done.append(pending)

    def _answer(self, pending: Pending, result: Any) -> None:
        try:
            answer = pending.plan.answer(rows_of(result))
            if answer is None:
                pending.left[FAILED] = None  # and the view would find the same
            else:
                self.lane.complete(pending.light, answer, pending.endpoint)
                pending.answer = answer
        except BaseException as error:  # noqa: BLE001  (a change must not be done again: Django explains)
            pending.left[FAILED] = error
        self._done.append(pending)

    def _again(self, pending: Pending, call: Call) -> bool:
        """Send a statement a second time if it was not begun, or if it was a deadlock's victim."""
        result = call.result
        if result is None or pending.attempts > 1:
            return False
        state = sqlstate(result)
        unprepared = state in PREPARE_AGAIN or is_prepared_already(result)
        sacrificed = pending.plan.changes and state in SACRIFICED
        if not (unprepared or sacrificed or was_aborted(result)):
            return False
        if unprepared:
            for link in self.links.by_fd.values():
                link.forget()
        pending.attempts += 1
        pending.call = Call(call.native, call.texts, pending, may_wait=call.may_wait)
        if not self._send(pending):
            self._wait(pending)
        return True

    def _leave(self, pending: Pending, call: Call) -> None:
        """Leave a request to Django: a read as it came, a change together with its error."""
        result = call.result
        if not pending.plan.changes and _is_lost(result):
            return  # with its link: Django reads once more
        state = None if result is None else sqlstate(result)
        if state == READ_ONLY:
            self.links.renew()  # the server is no primary any more
        error: Exception = (
            psycopg.OperationalError("the connection is lost")
            if result is None or state is None
            else error_from_result(result)
        )
        try:
            with connections[self.alias].wrap_database_errors:
                raise error
        except Exception as wrapped:  # noqa: BLE001
            pending.left[FAILED] = wrapped

    # Once for a block of headers

    def _action(self, request: Any, endpoint: Endpoint) -> Action | None:
        """Return the action of a request that may overlap."""
        head = request.head
        key = (request.method, endpoint)
        action: Action | None = head.verdicts.get(key)
        if action is not None and not self._holds(endpoint):
            return None
        if action is None:
            environ = request.environ()
            if is_plain(environ) and self.lane.admits(environ):
                action = endpoint.action(environ)
            if action is None or action.using != self.alias:  # the links lead to one database
                return None
            changing = environ.keys() - head.environ.keys()  # from request to request
            if changing.isdisjoint(endpoint.known.deciding or ()):
                head.verdicts[key] = action
        return action

    def _is_due_to_cursors(self, link: Any) -> bool:
        """Tell whether statements are to go through Django's cursors; looked at in each turn."""
        found = self._held.get(None)
        if found is None:
            found = self._held[None] = needs_cursor(link)
        return found

    def _holds(self, endpoint: Endpoint) -> bool:
        """Tell whether a view set is what it was; looked at once in a turn of the worker's loop."""
        found = self._held.get(endpoint)
        if found is None:
            found = self._held[endpoint] = endpoint.known.holds()
        return found

    def _connect(self) -> Link:
        """Connect as Django does, with the same parameters and session settings."""
        wrapper: Any = connections.create_connection(self.alias)
        wrapper.connect()
        # By who hears of new connections, or stands in the way of all statements: one is enough,
        # since any link may get a statement.
        self._is_watched |= is_watched(wrapper) or needs_cursor(wrapper.connection)
        wrapper.connection.set_autocommit(True)
        return Link(wrapper.connection, prepares=prepares(), ends_at=wrapper.close_at)


def _is_lost(result: Any) -> bool:
    """Tell whether a statement has failed because its link is lost."""
    state = None if result is None else sqlstate(result)
    return state is None or state.startswith((b"57P", b"08"))
