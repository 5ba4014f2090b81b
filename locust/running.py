"""One run as one process sees it, and what the leading process decides for all."""

import logging
import random
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import gcd
from typing import cast

from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from known_items import KnownItems
from options import OPERATIONS, Load, load_from, options_of
from rehearsal import rehearse
from targets import Id


class Deck:
    """Operations in random order, exactly in the proportion of the weights after each round.

    Independent draws need 30,000 requests until the share of reads is within half a point; with a
    deck two short runs send the same mix, and a difference between them is not the mix's.
    What cannot be done yet, such as a delete before the first create, is done as soon as it can.
    """

    def __init__(self, weights: tuple[int, ...], rng: random.Random) -> None:
        smallest = gcd(*weights)
        self._round = [
            index for index, weight in enumerate(weights) for _ in range(weight // smallest)
        ]
        self._left: list[int] = []
        self._put_off = Counter[int]()
        self._rng = rng

    def draw(self, is_possible: Callable[[int], bool]) -> int:
        """Index into the weights. One of those above 0 must be possible."""
        for index, waiting in self._put_off.items():
            if waiting and is_possible(index):
                self._put_off[index] -= 1
                return index
        while not is_possible(index := self._next()):
            self._put_off[index] += 1
        return index

    def _next(self) -> int:
        if not self._left:
            self._left = self._rng.sample(self._round, len(self._round))
        return self._left.pop()


@dataclass(slots=True)
class Run:
    """What the users of this process share."""

    load: Load
    known: KnownItems
    total_users: int  # of all processes
    rng: random.Random
    deck: Deck = field(init=False)

    def __post_init__(self) -> None:
        self.deck = Deck(self.load.mix, self.rng)

    def can_do(self, index: int) -> bool:
        """Whether there is a row for an operation, or none that is still to be made."""
        match OPERATIONS[index]:
            case "retrieve":
                has_row = self.known.has_some
            case "update" | "delete":
                has_row = self.known.has_own
            case _:
                return True
        return has_row or not self.load.does("create")

    @property
    def interval(self) -> float:
        """Mean seconds between two requests of one user under an arrival rate."""
        return max(self.total_users, 1) / self.load.arrival_rate

    def pause(self, mean: float) -> float:
        """Seconds to wait. Constant ones make arrivals regular, which real ones never are."""
        return mean if self.load.pace == "constant" or not mean else self.rng.expovariate(1 / mean)


def prepare(options: Namespace, host: str) -> None:
    """Try the service and learn its ids, before the time of a run begins.

    Raises ValueError for a wrong option, LookupError for a service that does not answer as the
    options say.
    """
    load = load_from(options)
    options.learned_ids = rehearse(host, load)
    if not load.seeded_rows:
        logging.info("Learned %d ids from the list", len(options.learned_ids))


def lead(environment: Environment) -> None:
    """Decide for all processes: Locust sends the options on to the workers when a run starts."""
    options, runner = options_of(environment), environment.runner
    options.api_key = load_from(options).api_key  # workers are in environments of their own
    options.total_users = runner.target_user_count if runner else 0
    if isinstance(runner, MasterRunner):
        options.processes_at_start = [client.id for client in runner.clients.all]
    elif isinstance(runner, LocalRunner):
        options.processes_at_start = [runner.client_id]


def follow(environment: Environment) -> Run:
    """The run, in a process that has users."""
    options = options_of(environment)
    runner = cast("LocalRunner | WorkerRunner", environment.runner)
    load = load_from(options)
    # One stream for all users of a process; another process gets another one.
    rng = random.Random(f"{load.seed}/{runner.worker_index}")  # noqa: S311
    return Run(load, _known(load, options, runner.client_id, rng), options.total_users, rng)


def _known(load: Load, options: Namespace, client_id: str, rng: random.Random) -> KnownItems:
    """The rows that were seeded are the load's to change; those it has found there are not."""
    if not load.seeded_rows:
        ids: list[Id] = options.learned_ids
        return KnownItems(ids, own=(), lasting=ids, rng=rng)
    seeded, clients = range(1, load.seeded_rows + 1), options.processes_at_start
    # A worker that joins a running test has none: they were shared out without it.
    place = clients.index(client_id) if client_id in clients else len(seeded)
    own = seeded[place :: len(clients)]
    return KnownItems(seeded, own=own, lasting=own, rng=rng)
