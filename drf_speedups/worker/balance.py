"""How many connections each worker of a master holds, in memory that all of them share."""

import mmap
import weakref
from typing import Any

MOST_WORKERS = 256
NOT_ACCEPTING = 2**31 - 1
SLACK = 1  # connections; level to within this many, so that accepting seldom has to wait
SHARE = 16  # and to within this part of them, where there are many


class Loads:
    """One number per worker. Made before the workers are forked; each writes its own only."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4 * MOST_WORKERS)
        self._counts = memoryview(self._memory).cast("i")
        self._owners: dict[int, weakref.ref[Any]] = {}
        for slot in range(MOST_WORKERS):
            self._counts[slot] = NOT_ACCEPTING

    def take_slot(self, owner: object) -> int:
        """Return a slot that belongs to `owner` until the master forgets that worker."""
        for slot in range(MOST_WORKERS - 1):
            held = self._owners.get(slot)
            if held is None or held() is None:
                self._owners[slot] = weakref.ref(owner)
                self._counts[slot] = NOT_ACCEPTING  # what a killed worker left there
                return slot
        return MOST_WORKERS - 1  # more workers than slots: the rest shares one

    def set(self, slot: int, connections: int) -> None:
        """Say how many connections a worker holds."""
        self._counts[slot] = connections

    def anybody_accepts(self) -> bool:
        """Tell whether some worker takes connections."""
        return min(self._counts) < NOT_ACCEPTING

    def another_is_idler(self, connections: int) -> bool:
        """Tell whether some worker holds clearly fewer connections than these."""
        return min(self._counts) + SLACK + connections // SHARE < connections
