"""Clients that create, read, change and delete rows of their own, and remember every answer."""

import contextlib
import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.faults.ledger import Ledger

PATIENCE = 15.0  # seconds a client waits for an answer
NO_ANSWER = 0
PAUSE = 0.002  # seconds between two requests of a client
AFTER_FAILURE = 0.02
MOST_ROWS = 20  # of one client


@dataclass(frozen=True)
class Answer:
    """One answer, or none; times are monotonic seconds."""

    begun: float
    ended: float
    method: str
    status: int
    problem: str = ""
    retry_after: str | None = None

    @property
    def good(self) -> bool:
        """Tell whether the service did what was asked."""
        return 200 <= self.status < 300


class Client(threading.Thread):
    """One client with a connection of its own."""

    def __init__(self, address: tuple[str, int], ledger: Ledger, *, keeps: bool = True) -> None:
        super().__init__(daemon=True)
        self.keeps = keeps  # its connection
        self.connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
        self.ledger = ledger
        self.answers: list[Answer] = []
        self.wrong: list[str] = []  # what it read and should not have
        self.keys: list[int] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        """Send one request after the other until told to stop."""
        while not self.stopped.is_set():
            self._choose()()
            time.sleep(PAUSE if self.answers[-1].good else AFTER_FAILURE)
        self.connection.close()

    def _choose(self) -> Any:
        if len(self.keys) < 3:
            return self.create
        if len(self.keys) > MOST_ROWS:
            return self.delete
        operations = (self.create, self.read, self.change, self.delete)
        return random.choices(operations, weights=(4, 5, 5, 3))[0]

    def create(self) -> None:
        """POST a row of a new name."""
        name, quantity = uuid.uuid4().hex, random.randrange(1000)
        answer, body = self.send(
            "POST", "/items/", {"name": name, "price": "1", "quantity": quantity}
        )
        if answer.status == 201:
            self.ledger.created(body["id"], name, quantity)
            self.keys.append(body["id"])
        elif answer.status == NO_ANSWER or answer.status >= 500:
            self.ledger.not_known_to_be_created(name)

    def read(self) -> None:
        """GET one of its rows, which must be as it left it."""
        key = random.choice(self.keys)
        answer, body = self.send("GET", f"/items/{key}/")
        if answer.status == 200:
            if body["quantity"] not in self.ledger.entries[key].quantities:
                self.wrong.append(f"row {key} was read with {body['quantity']}")
        elif answer.status == 404:
            self.wrong.append(f"row {key} was not found")

    def change(self) -> None:
        """PATCH one of its rows."""
        key, quantity = random.choice(self.keys), random.randrange(1_000_000)
        answer, _ = self.send("PATCH", f"/items/{key}/", {"quantity": quantity})
        if answer.status == 404:
            self.wrong.append(f"row {key} was not found")
        elif answer.good or answer.status == NO_ANSWER or answer.status >= 500:
            self.ledger.updated(key, quantity, surely=answer.good)
            if not answer.good:
                self.keys.remove(key)  # what may still be under way could overtake the next change

    def delete(self) -> None:
        """DELETE one of its rows."""
        key = self.keys.pop(random.randrange(len(self.keys)))
        answer, _ = self.send("DELETE", f"/items/{key}/")
        if answer.status == 404:
            self.wrong.append(f"row {key} was not found")
        elif answer.good or answer.status == NO_ANSWER or answer.status >= 500:
            self.ledger.deleted(key, surely=answer.good)

    def send(self, method: str, path: str, body: Any = None) -> tuple[Answer, Any]:
        """Send a request and wait for its answer."""
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} if content else {}
        if not self.keeps:
            headers["Connection"] = "close"
        begun = time.monotonic()
        try:
            self.connection.request(method, path, content, headers)
            response = self.connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return self._note(begun, method, NO_ANSWER, type(error).__name__, None), None
        said = text.decode() if response.status >= 300 else ""
        answer = self._note(begun, method, response.status, said, response.getheader("Retry-After"))
        return answer, json.loads(text) if text and answer.good else None

    def _note(
        self, begun: float, method: str, status: int, problem: str, after: str | None
    ) -> Answer:
        answer = Answer(begun, time.monotonic(), method, status, problem, after)
        self.answers.append(answer)
        return answer


class Load:
    """Several clients at once; `newcomers` connect anew for each request."""

    def __init__(self, url: str, clients: int, newcomers: int = 0) -> None:
        parts = urlsplit(url)
        self.ledger = Ledger()
        address = (parts.hostname or "", parts.port or 80)
        self.clients = [
            Client(address, self.ledger, keeps=number < clients)
            for number in range(clients + newcomers)
        ]

    @property
    def answers(self) -> list[Answer]:
        """All answers so far, in the order in which they came."""
        found = [answer for client in self.clients for answer in list(client.answers)]
        return sorted(found, key=lambda answer: answer.ended)

    @property
    def wrong(self) -> list[str]:
        """What was read and should not have been."""
        return [sentence for client in self.clients for sentence in client.wrong]

    def stop(self) -> None:
        """Let every client finish its request."""
        for client in self.clients:
            client.stopped.set()
        for client in self.clients:
            client.join(PATIENCE + 5)


@contextlib.contextmanager
def load(url: str, clients: int = 6, newcomers: int = 0) -> Iterator[Load]:
    """Send the load until the block ends."""
    sent = Load(url, clients, newcomers)
    for client in sent.clients:
        client.start()
    try:
        yield sent
    finally:
        sent.stop()
