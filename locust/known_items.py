"""Which items exist, as far as this process knows, and which of them it may change."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from targets import Id, Item

READ_BACK = 10  # of so many reads one is of the row that was written last
READ_GONE = 50  # and one of the row that was deleted last
MAX_WRITTEN = 1000  # that wait to be read
MAX_CREATED = 50_000  # about 30 MB; without a limit an hour of load takes hundreds


@dataclass(slots=True, eq=False)
class Known:
    """An item, and the values that it must have: those it was given by us, {} when not by us."""

    id: Id
    values: Item
    is_ours: bool = False  # written here: nobody else deletes it
    is_gone: bool = False  # being deleted, or deleted
    had: Item = field(default_factory=dict)  # the values before it was to be changed or deleted


class KnownItems:
    """The rows that were there at the start, and this process's own creations.

    A change never meets an id that another user or process changes: creations are known to their
    process only; of the rows of the start `own` are this process's, and those of `lasting` are
    changed by nobody else. What is being changed is not picked meanwhile.
    """

    def __init__(
        self, ids: Sequence[Id], *, own: Sequence[Id], lasting: Sequence[Id], rng: random.Random
    ) -> None:
        self._ids, self._own, self._lasting = ids, own, lasting
        self._deletable = iter(self._own)
        self._created: list[Known] = []
        self._gone: set[Id] = set()
        self._written: deque[Known] = deque(maxlen=MAX_WRITTEN)
        self._deleted: deque[Known] = deque(maxlen=MAX_WRITTEN)
        self._given_again: set[Id] = set()  # after a delete: many services reuse ids
        self._picked = 0
        self._rng = rng

    @property
    def has_some(self) -> bool:
        """Whether there is an item to read."""
        return bool(self._ids or self._created)

    @property
    def has_own(self) -> bool:
        """Whether there is an item to change, or was: of the start's, all may be deleted."""
        return bool(self._own or self._created)

    def pick(self) -> Known | None:
        """An item to read: now and then the one written or deleted last, else any.

        Of these each has the same chance; None when none is known. What was written is looked at
        again while it is fresh: among many rows chance would hardly ever find one that was lost.
        """
        self._picked += 1
        if self._picked % READ_BACK == 0 and (written := self._last_written()):
            return written
        if self._picked % READ_GONE == 1 and (deleted := self._last_deleted()):
            return deleted
        return self._pick_any()

    def _last_written(self) -> Known | None:
        while self._written:
            if not (known := self._written.pop()).is_gone:
                return known
        return None

    def _last_deleted(self) -> Known | None:
        while self._deleted:
            if (known := self._deleted.pop()).id not in self._given_again:
                return known
        return None

    def _pick_any(self) -> Known | None:
        for _ in range(20):  # ids that are gone are few: a second draw nearly always hits
            if not (total := len(self._ids) + len(self._created)):
                return None
            draw = self._rng.randrange(total)
            if draw >= len(self._ids):
                if not (known := self._created[draw - len(self._ids)]).is_gone:
                    return known
                continue
            if (item_id := self._ids[draw]) not in self._gone:
                return Known(item_id, {})
        return None

    def take(self) -> Known | None:
        """An item to delete, handed out once; None when there is none left."""
        if self._created:
            return self._take_created()
        for item_id in self._deletable:
            if item_id not in self._gone:
                return self._take_first(item_id)
        return None

    def take_any(self) -> Known | None:
        """An item to update, to be given back by `add`; each with the same chance."""
        if not (total := len(self._own) + len(self._created)):
            return None
        if self._rng.randrange(total) < len(self._created):
            return self._take_created()
        for _ in range(20):
            if (item_id := self._rng.choice(self._own)) not in self._gone:
                return self._take_first(item_id)
        return self.take()

    def _take_created(self) -> Known:
        index = self._rng.randrange(len(self._created))
        self._created[index], self._created[-1] = self._created[-1], self._created[index]
        known = self._created.pop()
        # A read that is under way may still meet the old ones, or the new.
        known.had, known.values = known.values, {}
        return known

    def _take_first(self, item_id: Id) -> Known:
        self._gone.add(item_id)
        return Known(item_id, {})

    def add(self, known: Known) -> None:
        """Remember what was created or updated; when there is too much, not a random earlier one.

        One that is gone is none of them.
        """
        if known.is_gone:
            return
        self._written.append(known)
        if known.id in self._gone:
            self._given_again.add(known.id)
        if len(self._created) < MAX_CREATED:
            self._created.append(known)
        else:
            self._created[self._rng.randrange(MAX_CREATED)] = known

    def must_exist(self, known: Known) -> bool:
        """Whether nobody can have deleted it: only this process might, and it did not."""
        untouched = known.id not in self._gone and known.id in self._lasting
        return not known.is_gone and (known.is_ours or untouched)

    def deleted(self, known: Known) -> None:
        """A delete was acknowledged: the row must not be found again."""
        self._deleted.append(known)

    def forget(self, known: Known) -> None:
        """It is not there, or is about to be deleted."""
        known.is_gone = True
        self._gone.add(known.id)
        self._given_again.discard(known.id)
