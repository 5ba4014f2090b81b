"""What a trial says about the table, the way to the database, and the caps it ran under."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """The table before and after the load, and what the load did to it by its own count."""

    rows_before: int
    rows_after: int
    bytes_before: int  # with indexes
    bytes_after: int
    created: int  # answers that said so, warm-up included
    deleted: int
    unsure: int = 0  # writes that were not answered as they should: they may have happened or not

    @property
    def unexplained_rows(self) -> int:
        """Rows that came (or, negative, went) without an answer that said so."""
        return self.rows_after - self.rows_before - (self.created - self.deleted)


@dataclass(frozen=True)
class RoundTrip:
    """The median time of SELECT 1 on an idle connection, in milliseconds."""

    direct_ms: float  # from the lab to the database
    service_ms: float  # on the service's way, which is longer under --db-rtt


@dataclass(frozen=True)
class Cap:
    """What held of the caps that the conditions ask for; None: not asked for, or not known.

    The counters "cap" have `periods`, `throttled_periods`, `throttled_seconds` and `oom_kills`.
    """

    cpu: bool | None
    memory: bool | None
    memory_peak: int | None  # bytes, as the control group counts them
    sentences: tuple[str, ...]  # who ran where, and what is enforced, in words
