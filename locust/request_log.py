"""One CSV line per request, for percentiles, intervals and plots of our own.

Format 2. The first line is `#request-log 2`, the second names the columns:

start       when the request was sent, seconds since the epoch, to the microsecond
intended    when it should have been sent: the schedule's time under an arrival rate, else `start`.
            `start - intended` is the wait in the generator; counting it as latency shows a stall
            that sending later would hide (coordinated omission)
operation   method and route, such as `GET /items/[id]`; ` (gone)` is appended to an expected 404
latency_ms  from sending to the last byte of the answer, to the clock's nanosecond
status      HTTP status, 0 when there was no answer
bytes       length of the answer's body, decompressed
opened      connections that were opened for it: 0 on one that was kept, else 1
served_by   the X-Served-By header, or empty
error       why the request failed, or empty

Locust's contrib.csv_request_logger knows neither the intended start nor who answered, and rounds
the latency. A line costs about 7 microseconds. The file grows by blocks of 8 KiB: while a run
lasts, its last line may be incomplete.
"""

import csv
import os
from pathlib import Path
from typing import Any

VERSION = 2
COLUMNS = (
    "start",
    "intended",
    "operation",
    "latency_ms",
    "status",
    "bytes",
    "opened",
    "served_by",
    "error",
)


def path_for(path: str, worker: int | None) -> Path:
    """`requests.csv`, or `requests-0.csv` for the first of several processes."""
    whole = Path(path)
    return whole if worker is None else whole.with_stem(f"{whole.stem}-{worker}")


def refuse_place(path: str) -> None:
    """Raises ValueError where no log can be written."""
    whole = Path(path)
    if not whole.parent.is_dir():
        raise ValueError(f"request log {path!r}: its folder does not exist")
    if whole.is_dir() or not os.access(whole if whole.exists() else whole.parent, os.W_OK):
        raise ValueError(f"request log {path!r}: cannot be written there")


class RequestLog:
    """Writes `path` anew. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._file.write(f"#request-log {VERSION}\n")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def on_request(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        response: Any,
        start_time: float,
        context: dict[str, float],
        exception: Exception | None = None,
        **_: object,
    ) -> None:
        headers = response.headers
        # A timer may wake a user a moment too soon: it is not late then, and not early.
        intended = min(context.get("intended", start_time), start_time)
        self._writer.writerow(
            (
                f"{start_time:.6f}",
                f"{intended:.6f}",
                f"{request_type} {name}",
                f"{response_time:.6f}",
                response.status_code,
                response_length,
                getattr(response, "opened", 0),
                headers.get("x-served-by", "") if headers else "",
                " ".join(str(exception).split()) if exception else "",
            )
        )

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()
