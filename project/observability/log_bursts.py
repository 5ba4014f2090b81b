"""What may happen a thousand times a second is logged now and then."""

import logging
import threading
import time
from dataclasses import dataclass

_one_at_a_time = threading.Lock()


@dataclass
class Burst:
    """Trouble of one kind: worth a line when it begins, and one now and then while it lasts."""

    logger: logging.Logger
    kind: str
    what: str
    more: int = 0  # requests since the last line
    last_at: float = float("-inf")  # monotonic seconds
    logged_at: float = float("-inf")

    QUIET = 5.0  # seconds without trouble end a burst
    INTERVAL = 10.0  # seconds between the lines of one that lasts

    def note(self, why: str) -> None:
        """Count a request, and log if it is time."""
        with _one_at_a_time:  # or two threads of a worker begin one burst twice
            self._note(why, time.monotonic())

    def _note(self, why: str, now: float) -> None:
        begins = now - self.last_at > self.QUIET
        self.last_at = now
        if not begins and now - self.logged_at < self.INTERVAL:
            self.more += 1
            return
        also = f", after {self.more} more requests" if self.more else ""
        self.logger.warning("%s (%s): %s%s", self.kind, why, self.what, also)
        self.logged_at, self.more = now, 0
