"""Each operation once before a run: a wrong option is one line, and not a thousand failures.

These requests stay out of the statistics and take no time from the run. What they create they
delete again, if the mix has deletes; of the service's own rows they only read.
"""

# Locust types its own functions only in part.
# mypy: disable-error-code="no-untyped-call"

import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from locust.contrib.fasthttp import FastResponse
from locust.event import EventHook

from checks import (
    CREATED,
    DELETED,
    UPDATED,
    check_empty,
    check_page,
    check_same,
    check_updated,
    created_id,
    location_of,
    parse,
    told_item,
)
from options import KEY, Load
from payloads import new_values
from plain_client import PlainSession
from targets import Id, Item, WrongAnswerError

T = TypeVar("T")
LONG_PAGES = (1000, 100)  # items that a service may list at once
MAX_PAGES = 50  # 1,000 ids with the default page size are variety enough
ENOUGH_TIME = 10.0  # seconds of learning
TIMEOUT = 10.0  # seconds for one answer
PATIENCE = 2.0  # seconds with a service that is overloaded, or starting still
PAUSE = 0.3  # seconds before it is asked again
MOST_SHOWN = 160  # characters of an answer


def rehearse(host: str, load: Load) -> list[Id]:
    """Send each operation of the mix once; return ids of the first pages of the list.

    Where rows are seeded, ids are known and only the list is asked for. Raises LookupError with
    one line: what was expected, what came, which option changes it.
    """
    if not host.startswith(("http://", "https://")):
        raise LookupError(f"host {host!r}: must be an address such as http://127.0.0.1:8000")
    stage = Stage(host, load)
    if load.seeded_rows:
        stage.learn(max_pages=1, thoroughly=False)
        return []
    ids = stage.learn()
    if len(ids) == load.page_size and load.does("retrieve"):
        ids = stage.learn_at_once(ids)
    if not ids and load.does("retrieve") and not load.writes:
        raise LookupError(
            f"GET {host}{load.target.page_url(load.page_size)}: the list is empty, and the mix "
            "only reads: create an item first, or change --mix"
        )
    created = stage.create() if load.does("create") else None
    try:
        if load.does("retrieve"):
            stage.retrieve(created, ids)
        if created and load.does("update"):
            stage.update(created[0])
    except LookupError:
        if created and load.does("delete"):
            with suppress(LookupError):  # what was refused first is what is to be said
                stage.delete(created[0])
        raise
    if created and load.does("delete"):
        stage.delete(created[0])
    return ids


class Stage:
    """Where requests are tried. Its methods raise LookupError."""

    def __init__(self, host: str, load: Load) -> None:
        self._host, self._load, self._target = host, load, load.target
        self._rng = random.Random()  # noqa: S311 - another new item each time
        self._session = PlainSession(
            host,
            EventHook(),
            None,
            connection_timeout=TIMEOUT,
            network_timeout=TIMEOUT,
            headers={"Accept": "application/json"} | load.headers,
        )

    def learn(self, *, max_pages: int = MAX_PAGES, thoroughly: bool = True) -> list[Id]:
        """Ids of the first pages of the list, in its order.

        Only the first one must be there: what looks like a link to the next may be none.
        """
        prefix = urlsplit(self._host).path.rstrip("/")
        url = self._target.page_url(self._load.page_size)
        ids, following = self._page(url, prefix, thoroughly=thoroughly)
        deadline = time.monotonic() + ENOUGH_TIME
        for _ in range(max_pages - 1):
            if following is None or time.monotonic() > deadline:
                break
            try:
                more, following = self._page(following, prefix, thoroughly=thoroughly)
            except LookupError as error:
                logging.info("No more pages of the list are known: %s", error)
                break
            ids += more
        return list(dict.fromkeys(ids))  # a page may repeat what moved down meanwhile

    def _page(self, url: str, prefix: str, *, thoroughly: bool) -> tuple[list[Id], str | None]:
        """Return a page's ids, and where the next one is."""
        target, size = self._target, self._load.page_size

        def found(answer: FastResponse) -> tuple[list[Id], str | None]:
            page = parse(answer.content)
            items = check_page(target, page, size) if thoroughly else target.items_in(page)
            return [target.id_of(item) for item in items], target.next_url(page, url, prefix)

        return self._ask("GET", url, {200: found})

    def learn_at_once(self, ids: list[Id]) -> list[Id]:
        """Ids of a long page, of a service that names no next one: else a few rows are all reads.

        `ids` are those of the first page, which are what is known where a long one is refused.
        """
        target = self._target
        for size in (size for size in LONG_PAGES if size > len(ids)):
            try:
                page = self._ask(
                    "GET", target.page_url(size), {200: lambda answer: parse(answer.content)}
                )
                items = check_page(target, page, size)
            except (LookupError, WrongAnswerError):
                continue
            return list(dict.fromkeys(map(target.id_of, items)))
        logging.warning(
            "Only %d ids are known, of the first page of the list: what is read are these rows and "
            "what the load creates (--seeded-rows)", len(ids),
        )  # fmt: skip
        return ids

    def create(self) -> tuple[Id, Item]:
        """Create an item; return its id and the values that it must have."""
        target = self._target
        payload = target.new_item(new_values(self._rng))
        values = target.values_of(payload)

        def created(answer: FastResponse) -> Id:
            return created_id(target, answer.content, answer.headers, values)

        checks = dict.fromkeys(CREATED, created)
        return self._ask("POST", target.collection_url(), checks, payload), values

    def retrieve(self, created: tuple[Id, Item] | None, ids: Sequence[Id]) -> None:
        """Read what was created, or else what is there: a service may lose what it was given."""
        candidates = [*([created] if created else []), *((item_id, {}) for item_id in ids[:2])]
        for place, (item_id, values) in enumerate(candidates, start=1):
            if self._is_there(item_id, values, must_be=place == len(candidates)):
                return

    def _is_there(self, item_id: Id, values: Item, *, must_be: bool) -> bool:
        target = self._target

        def same(answer: FastResponse) -> bool:
            check_same(target, target.item_in(parse(answer.content)), item_id, values)
            return True

        checks: dict[int, Callable[[FastResponse], bool]] = {200: same}
        if not must_be:
            checks[404] = lambda _: False
        return self._ask("GET", target.item_url(item_id), checks)

    def update(self, item_id: Id) -> None:
        """Update what was created; where the answer does not tell it, read it."""
        target = self._target
        payload = target.changed_item(new_values(self._rng))
        values = target.values_of(payload)

        def updated(answer: FastResponse) -> bool:
            check_updated(target, answer.status_code, answer.content, item_id, values)
            return told_item(target, answer.content) is not None

        checks = dict.fromkeys(UPDATED, updated)
        if not self._ask(target.update_method, target.item_url(item_id), checks, payload):
            self._is_there(item_id, values, must_be=False)

    def delete(self, item_id: Id) -> None:
        """Delete what was created."""

        def deleted(answer: FastResponse) -> None:
            check_empty(answer.status_code, answer.content)

        self._ask("DELETE", self._target.item_url(item_id), dict.fromkeys(DELETED, deleted))

    def _ask(
        self,
        method: str,
        url: str,
        checks: Mapping[int, Callable[[FastResponse], T]],
        body: Item | None = None,
    ) -> T:
        """Send a request until it is answered for good; return what the check says of it."""
        answer = self._answer(method, url, body)
        asked = f"{method} {self._host}{url}"
        if not answer.status_code:
            error = getattr(answer, "error", None)
            reason = getattr(error, "strerror", None) or error
            raise LookupError(f"{asked}: {reason}; is the service running?")
        if answer.status_code not in checks:
            expected = " or ".join(map(str, checks))
            raise LookupError(
                f"{asked}: expected status {expected}, got status {answer.status_code}"
                f"{_shown(answer)}: {_advice(method, answer.status_code)}"
            )
        return self._checked(asked, lambda: checks[answer.status_code](answer))

    def _answer(self, method: str, url: str, body: Item | None) -> FastResponse:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} if data else None
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._session.request(method, url, data=data, headers=headers)
            is_final = 0 < answer.status_code < 500 and answer.status_code != 429
            if is_final or time.monotonic() > deadline:
                return answer
            time.sleep(PAUSE)

    @staticmethod
    def _checked(asked: str, check: Callable[[], T]) -> T:
        try:
            return check()
        except WrongAnswerError as wrong:
            detail = _cut(wrong.detail)
            change = f": change {wrong.options}" if wrong.options else ""
            raise LookupError(f"{asked}: {wrong} ({detail}){change}") from wrong


def _shown(answer: FastResponse) -> str:
    if location := location_of(answer.headers):
        return f" to {location}"
    return f" ({_cut(answer.content)})" if answer.content else ""


def _cut(detail: Any) -> str:
    text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
    line = " ".join(text.split())
    return line if len(line) <= MOST_SHOWN else f"{line[:MOST_SHOWN]}…"


def _advice(method: str, status: int) -> str:
    """Which option changes an answer that is not the expected one."""
    match status:
        case 401 | 403:
            return f"set {KEY} to a key that may do this, or change --auth-header"
        case 301 | 302 | 303 | 307 | 308:
            return "change --trailing-slash or --base-path"
        case 405 if method in ("PUT", "PATCH"):
            return "change --update-method"
        case 404 | 405:
            return "change --base-path, --trailing-slash or --id-field"
        case 400 | 409 | 413 | 415 | 422:
            return f"change {_OPTIONS.get(method, '--list-query')}"
        case 429:
            return "the service limits how often it is asked"
        case _ if status >= 500:
            return "the service failed, and its log may say why"
        case _:
            return "no option of ours changes that"


_OPTIONS = {
    "POST": "--payload ($unique where a value must not repeat)",
    "PUT": "--update-payload or --payload",
    "PATCH": "--update-payload or --payload",
    "DELETE": "--mix to one without deletes",
}
