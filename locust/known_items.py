"""Which items exist, as far as this process knows, and which of them it may delete."""

import random
from collections.abc import Sequence

from targets import Id, Item

Known = tuple[Id, Item]  # an id, and the values it was created with ({} when not by us)
MAX_CREATED = 50_000  # about 30 MB; without a limit an hour of load takes hundreds


class KnownItems:
    """The rows that were there at the start, and this process's own creations.

    A delete never takes an id that another user or process takes: first come the creations, which
    only their process knows; then every `processes`-th row of the start, counted from `process`.
    """

    def __init__(
        self, ids: Sequence[Id], *, process: int | None = 0, processes: int = 1, rng: random.Random
    ) -> None:
        self._ids = ids
        # None: a worker that joined a running test. The rows were shared out without it.
        self._deletable = iter(() if process is None else ids[process::processes])
        self._created: list[Known] = []
        self._gone: set[Id] = set()
        self._rng = rng

    def pick(self) -> Known | None:
        """Any item to read, each with the same chance; None when none is known."""
        for _ in range(20):  # ids that are gone are few: a second draw nearly always hits
            if not (total := len(self._ids) + len(self._created)):
                return None
            draw = self._rng.randrange(total)
            if draw >= len(self._ids):
                return self._created[draw - len(self._ids)]
            if (item_id := self._ids[draw]) not in self._gone:
                return item_id, {}
        return None

    def take(self) -> Known | None:
        """An item to delete, handed out once; None when there is none left."""
        if self._created:
            index = self._rng.randrange(len(self._created))
            self._created[index], self._created[-1] = self._created[-1], self._created[index]
            return self._created.pop()
        for item_id in self._deletable:
            if item_id not in self._gone:
                self._gone.add(item_id)
                return item_id, {}
        return None

    def add(self, item_id: Id, values: Item) -> None:
        """Remember a creation; when there are too many, instead of a random earlier one."""
        if len(self._created) < MAX_CREATED:
            self._created.append((item_id, values))
        else:
            self._created[self._rng.randrange(MAX_CREATED)] = item_id, values

    def forget(self, item_id: Id) -> None:
        """Another process deleted it."""
        self._gone.add(item_id)
