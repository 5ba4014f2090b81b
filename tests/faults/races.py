"""Requests that meet at one row; a sentence for each thing that came of it and should not have."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx

Call = Callable[[httpx.Client], httpx.Response]
WHOLE = {"name": "Desk", "description": "whole", "price": "2", "quantity": 8}


class Racers:
    """Clients, each with a connection of its own, that send at the same moment."""

    def __init__(self, url: str, count: int = 8) -> None:
        self.clients = [httpx.Client(base_url=url, timeout=30) for _ in range(count)]
        self.pool = ThreadPoolExecutor(count)
        self.acknowledged = 0  # changes
        for client in self.clients:  # connected before the first round
            client.get("/livez")

    def at_once(self, *calls: Call) -> list[httpx.Response]:
        """Send together; return the answers in the order of the calls."""
        start = Barrier(len(calls))

        def run(call: Call, client: httpx.Client) -> httpx.Response:
            start.wait(timeout=30)
            return call(client)

        answers = list(self.pool.map(run, calls, self.clients))
        self.acknowledged += sum(answer.is_success for answer in answers)
        return answers

    def new_row(self) -> str:
        """Create a row; return its path."""
        created = self.clients[0].post("/items/", json={"name": "Desk", "price": "1"})
        assert created.status_code == 201, created.text
        self.acknowledged += 1
        return str(created.headers["Location"])

    def left(self, path: str) -> httpx.Response:
        """Return what is left of a row."""
        return self.clients[0].get(path)

    def close(self) -> None:
        """End all connections."""
        self.pool.shutdown()
        for client in self.clients:
            client.close()


def patch_patch(racers: Racers, path: str) -> Iterator[str]:
    """Two PATCHes of different fields: both survive."""
    answers = racers.at_once(
        lambda client: client.patch(path, json={"quantity": 7}),
        lambda client: client.patch(path, json={"description": "changed"}),
    )
    left = racers.left(path).json()
    if statuses(answers) != [200, 200]:
        yield f"PATCH and PATCH were answered with {statuses(answers)}"
    if (left["quantity"], left["description"]) != (7, "changed"):
        yield f"of PATCH and PATCH is left {left}"


def patch_delete(racers: Racers, path: str) -> Iterator[str]:
    """A PATCH never revives the row of a DELETE."""
    patched, deleted = racers.at_once(
        lambda client: client.patch(path, json={"quantity": 7}),
        lambda client: client.delete(path),
    )
    if deleted.status_code != 204 or patched.status_code not in {200, 404}:
        yield f"PATCH and DELETE were answered with {statuses([patched, deleted])}"
    if racers.left(path).status_code != 404:
        yield "a PATCH revived the row of a DELETE"


def four_deletes(racers: Racers, path: str) -> Iterator[str]:
    """Of several DELETEs exactly one finds the row."""
    answers = racers.at_once(*[lambda client: client.delete(path)] * 4)
    if sorted(statuses(answers)) != [204, 404, 404, 404]:
        yield f"four DELETEs were answered with {statuses(answers)}"
    if racers.left(path).status_code != 404:
        yield "a deleted row is back"


def put_patch(racers: Racers, path: str) -> Iterator[str]:
    """A PUT and a PATCH: one after the other in some order, and never a mixture."""
    answers = racers.at_once(
        lambda client: client.put(path, json=WHOLE),
        lambda client: client.patch(path, json={"quantity": 7}),
    )
    left = racers.left(path).json()
    if statuses(answers) != [200, 200]:
        yield f"PUT and PATCH were answered with {statuses(answers)}"
    if left["description"] != "whole" or left["quantity"] not in {7, 8}:
        yield f"of PUT and PATCH is left {left}"
    last = [answer.json() for answer in answers]
    if left not in last:  # the one that came last was told what is there now
        yield f"nobody was told of {left}"


def one_key(racers: Racers, path: str) -> Iterator[str]:
    """POSTs with one Idempotency-Key: one row, and the same answer for all who get one."""
    name = uuid.uuid4().hex
    body, headers = {"name": name, "price": "1"}, {"Idempotency-Key": name}
    answers = racers.at_once(
        *[lambda client: client.post("/items/", json=body, headers=headers)] * 8
    )
    answers.append(racers.clients[0].post("/items/", json=body, headers=headers))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    if answers[-1].status_code != 201 or not set(statuses(answers)) <= {201, 409}:
        yield f"POSTs with one key were answered with {statuses(answers)}"
    if len(made) != 1:
        yield f"one key made rows {sorted(made)}"


def if_match(racers: Racers, path: str) -> Iterator[str]:
    """PATCHes that name the same state: one finds it."""
    headers = {"If-Match": racers.left(path).headers["ETag"]}
    answers = racers.at_once(*[
        lambda client, number=number: client.patch(path, json={"quantity": number}, headers=headers)
        for number in range(1, 5)
    ])  # fmt: skip
    if sorted(statuses(answers)) != [200, 412, 412, 412]:
        yield f"four PATCHes of one state were answered with {statuses(answers)}"
    done = [answer.json()["quantity"] for answer in answers if answer.status_code == 200]
    if [racers.left(path).json()["quantity"]] != done:
        yield f"of four PATCHes, {done} was acknowledged and {racers.left(path).json()} is left"


def statuses(answers: list[httpx.Response]) -> list[int]:
    """Return the statuses in the order of the answers."""
    return [answer.status_code for answer in answers]


RACES: dict[str, Callable[[Racers, str], Iterator[str]]] = {
    "PATCH against PATCH": patch_patch,
    "PATCH against DELETE": patch_delete,
    "four DELETEs of one row": four_deletes,
    "PUT against PATCH": put_patch,
    "8 POSTs with one Idempotency-Key": one_key,
    "4 PATCHes with one If-Match": if_match,
}


def run(race: str, url: str, rounds: int) -> tuple[list[str], int]:
    """Run a race so many times; return what went wrong, and how many changes were acknowledged."""
    racers = Racers(url)
    try:
        turns = (RACES[race](racers, racers.new_row()) for _ in range(rounds))
        return list(itertools.chain.from_iterable(turns)), racers.acknowledged
    finally:
        racers.close()
