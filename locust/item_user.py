"""A user of the items: what it sends, when, and whether the answer is right."""

# Locust types its own functions only in part.
# mypy: disable-error-code="no-untyped-call"

import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

import gevent  # type: ignore[import-untyped]
from gevent import GreenletExit
from gevent.event import Event  # type: ignore[import-untyped]
from locust import FastHttpUser
from locust.contrib.fasthttp import ErrorResponse, FastRequest, ResponseContextManager
from locust.env import Environment
from locust.user.task import LOCUST_STATE_STOPPING

from checks import (
    CREATED,
    DELETED,
    UPDATED,
    another_value,
    check_empty,
    check_item,
    check_page,
    check_same,
    check_updated,
    created_id,
    parse,
)
from known_items import Known
from operations import Operations
from payloads import new_values
from plain_client import PlainSession
from running import Run
from targets import Item, WrongAnswerError
from thresholds import GONE

Check = Callable[[ResponseContextManager], object]

MISSING = (404, 410)
LOST = "lost write"  # begins the message; the lab knows it by this

CHECK = "is the path right, are the rows there (--base-path, --seeded-rows), is this the only load?"
UNANSWERED = "no answer until the end of the load"

ACCEPT_JSON = {"Accept": "application/json"}
SEND_JSON = {"Content-Type": "application/json"}


class ItemUser(FastHttpUser):
    """A user of the items. `current` is set anew for each run, before its users start."""

    current: Run
    tasks = [Operations]
    intended = 0.0  # when the next request is due, seconds since the epoch; 0: no schedule

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.client = PlainSession(
            self.host or "",
            environment.events.request,
            self,
            connection_timeout=self.connection_timeout,
            network_timeout=self.network_timeout,
            headers=ACCEPT_JSON | self.current.load.headers,
        )
        self.stopping = Event()

    # When

    def on_start(self) -> None:
        if self.current.load.arrival_rate:
            # Users start in groups: a phase spreads regular schedules. A random pause is as random
            # from any moment on, and nothing is due before the load begins.
            regular = self.current.load.pace == "constant"
            phase = self.current.rng.random() if regular else 0.0
            self.intended = time.time() - self.current.interval * phase
            self.pause(self.wait_time())

    def wait_time(self) -> float:
        """Seconds until the next request."""
        if not self.current.load.arrival_rate:
            return self.current.pause(self.current.load.think_time)
        # The schedule never shifts: a late user catches up, as waiting clients would.
        self.intended += self.current.pause(self.current.interval)
        return max(0.0, self.intended - time.time())

    def pause(self, seconds: float) -> None:
        """Sleep, but not on after `stop`."""
        if seconds:
            self.stopping.wait(seconds)
        else:
            gevent.sleep(0)

    def stop(self, force: bool = False) -> bool:
        """Locust kills a user who waits; one who wakes up just then would lose a request."""
        if force or self._state is None:
            return bool(super().stop(force))
        self._state = LOCUST_STATE_STOPPING
        self.stopping.set()
        return False

    def context(self) -> dict[str, float]:
        return {"intended": self.intended} if self.intended else {}

    # What

    def retrieve(self, known: Known) -> None:
        target, values, was_gone = self.current.load.target, known.values, known.is_gone

        def same(answer: ResponseContextManager) -> None:
            item = target.item_in(parse(answer.content))
            if was_gone:
                self.refuse_undead(known, item)
            # An update may have been faster: then it may be the old values, or the new.
            expected = values if known.values is values else {}
            check_same(target, item, known.id, {})
            try:
                check_item(target, item, expected)
            except WrongAnswerError as wrong:  # creating and updating have shown that it can
                raise WrongAnswerError(f"{LOST}: {wrong}", wrong.detail) from wrong

        checks: dict[int, Check] = {
            200: same,
            **dict.fromkeys(MISSING, partial(self.missing, known)),
        }
        self.send("GET", target.item_url(known.id), target.item_name, checks)

    def refuse_undead(self, known: Known, item: Item) -> None:
        """Raises WrongAnswerError, unless another row has been given the id meanwhile."""
        if not another_value(self.current.load.target, item, known.had):
            raise WrongAnswerError(f"{LOST}: a row that was deleted is still there", known.id)

    def list_page(self) -> None:
        target, size = self.current.load.target, self.current.load.page_size
        self.send(
            "GET",
            target.page_url(size),
            target.collection_name,
            {200: lambda answer: check_page(target, parse(answer.content), size)},
        )

    def create(self) -> None:
        target = self.current.load.target
        payload = target.new_item(new_values(self.current.rng))
        values = target.values_of(payload)

        def created(answer: ResponseContextManager) -> None:
            item_id = created_id(target, answer.content, answer.headers, values)
            self.current.known.add(Known(item_id, values, is_ours=True))

        checks = dict.fromkeys(CREATED, created)
        self.send("POST", target.collection_url(), target.collection_name, checks, payload)

    def update(self, known: Known) -> None:
        """Change an item that nobody else changes meanwhile."""
        target = self.current.load.target
        payload = target.changed_item(new_values(self.current.rng))
        values = target.values_of(payload)

        def updated(answer: ResponseContextManager) -> None:
            check_updated(target, answer.status_code, answer.content, known.id, values)
            known.is_ours = True
            known.values = values  # without this answer it may be the old or the new ones

        checks: dict[int, Check] = dict.fromkeys(UPDATED, updated)
        checks |= dict.fromkeys(MISSING, partial(self.lost, known))
        method = target.update_method
        self.send(method, target.item_url(known.id), target.item_name, checks, payload)
        self.current.known.add(known)

    def delete(self, known: Known) -> None:
        target = self.current.load.target

        def deleted(answer: ResponseContextManager) -> None:
            check_empty(answer.status_code, answer.content)
            self.current.known.deleted(known)

        self.current.known.forget(known)  # from now on a read may find it or not
        checks: dict[int, Check] = dict.fromkeys(DELETED, deleted)
        checks |= dict.fromkeys(MISSING, partial(self.lost, known))
        self.send("DELETE", target.item_url(known.id), target.item_name, checks)

    def missing(self, known: Known, answer: ResponseContextManager) -> None:
        """It was deleted, perhaps by another process: right, but counted under its own name."""
        if self.current.known.must_exist(known):
            self.lost(known, answer)
        self.current.known.forget(known)
        answer.request_meta["name"] += GONE

    def lost(self, known: Known, _: ResponseContextManager) -> None:
        """Nobody else deletes it. Raises WrongAnswerError."""
        self.current.known.forget(known)
        if known.is_ours:
            raise WrongAnswerError(f"{LOST}: a row that was written is not there", known.id)
        raise WrongAnswerError("a row that nobody deleted is not there", f"{known.id}: {CHECK}")

    def send(
        self,
        method: str,
        url: str,
        name: str,
        checks: Mapping[int, Check],
        body: Item | None = None,
    ) -> None:
        """Send a request. The check for its status raises WrongAnswerError for a wrong answer."""
        sent = time.time()
        try:
            self.ask(method, url, name, checks, body)
        except GreenletExit:  # the load has ended, and nobody waits any longer
            self.unanswered(method, url, name, sent)
            raise

    def unanswered(self, method: str, url: str, name: str, sent: float) -> None:
        """Count what would vanish: a request that was sent and never answered."""
        reason = TimeoutError(UNANSWERED)
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=1000 * (time.time() - sent),
            response_length=0,
            response=ErrorResponse(FastRequest(url, method), reason),
            start_time=sent,
            context=self.context(),
            exception=reason,
        )

    def ask(
        self, method: str, url: str, name: str, checks: Mapping[int, Check], body: Item | None
    ) -> None:
        data, headers = (json.dumps(body), SEND_JSON) if body is not None else (None, None)
        with self.client.request(
            method, url, name=name, data=data, headers=headers, catch_response=True
        ) as answer:
            if not (status := answer.status_code):
                return  # no answer at all: Locust reports the reason
            try:
                checks.get(status, refuse_status)(answer)
                answer.success()
            except WrongAnswerError as wrong:
                note_first(f"{method} {name}: {wrong}", wrong.detail)
                answer.failure(str(wrong))


def refuse_status(answer: ResponseContextManager) -> None:
    raise WrongAnswerError(f"status {answer.status_code}", (answer.content or b"")[:200])


def note_first(fault: str, detail: object, noted: set[str] = set()) -> None:  # noqa: B006
    """Log one example of each fault; Locust counts the rest."""
    if fault not in noted:
        noted.add(fault)
        logging.warning("First of its kind: %s: %s", fault, detail)
