"""Was the run good enough? Sets the exit code of a finished run."""

# Locust types its own functions only in part.
# mypy: disable-error-code="no-untyped-call"

import math
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from options import options_of

GONE = " (gone)"  # names the row of 404s that a concurrent delete explains
MOST_SLOW = 0.05  # above the 95th percentile
MAX_GONE_RATIO = 0.1  # of the requests for one item; more is a wrong path or an empty table


def refuse_wrong_thresholds(options: Namespace) -> None:
    """Raise ValueError for what nothing is above or below: nan would let every run pass."""
    for name, most in (("max fail ratio", 1.0), ("max p95", math.inf), ("min rps", math.inf)):
        value = getattr(options, name.replace(" ", "_"))
        if value is not None and not 0 <= value <= most:
            allowed = f"from 0 to {most:g}" if most < math.inf else "a number, 0 or more"
            raise ValueError(f"{name} {value:g}: must be {allowed}")


class Slow:
    """Counts the requests that took longer than --max-p95; in a master, those of its workers.

    Locust's own percentile is rounded to two digits: 3,005 ms would pass a limit of 3,000.
    """

    def __init__(self, environment: Environment) -> None:
        self._limit: float | None = None
        self._all = self._slow = 0
        events = environment.events
        events.request.add_listener(self._on_request)
        if isinstance(environment.runner, WorkerRunner):
            events.report_to_master.add_listener(self._report)
        if isinstance(environment.runner, MasterRunner):
            events.worker_report.add_listener(self._on_report)

    def begin(self, limit: float | None) -> None:
        """Start anew, with the limit of this run (ms): a worker has it from its master."""
        self._limit, self._all, self._slow = limit, 0, 0

    def _on_request(self, *, response_time: float, **_: object) -> None:
        if self._limit is not None:
            self._all += 1
            self._slow += response_time > self._limit

    def _report(self, *, data: dict[str, Any], **_: object) -> None:
        data["slow"] = (self._all, self._slow)
        self._all = self._slow = 0

    def _on_report(self, *, data: dict[str, Any], **_: object) -> None:
        own, slow = data.get("slow", (0, 0))
        self._all += own
        self._slow += slow

    def breach(self) -> Iterator[str]:
        """Say that the 95th percentile is above the limit: that more than 5 % took longer."""
        share = self._slow / max(self._all, 1)
        if share > MOST_SLOW:
            yield (
                f"95th percentile > --max-p95 {self._limit:g} ms: {share:.1%} of the requests took "
                "longer"
            )


def judge(environment: Environment, slow: Slow) -> None:
    """Print a line to stderr for each breach and set the exit code.

    A share of failures that --max-fail-ratio allows is no failure of the run.
    """
    if environment.process_exit_code is not None:
        return  # refused before it began
    breaches = list(_breaches(environment, slow))
    for breach in breaches:
        print(f"locust: {breach}", file=sys.stderr)  # noqa: T201
    if breaches:
        environment.process_exit_code = 1
    elif options_of(environment).max_fail_ratio is not None:
        environment.process_exit_code = 0


def _breaches(environment: Environment, slow: Slow) -> Iterator[str]:
    options, total = options_of(environment), environment.stats.total
    if not total.num_requests:
        yield from _nothing_sent(environment)
        return
    if (limit := options.max_fail_ratio) is not None and total.fail_ratio > limit:
        yield f"failures {total.fail_ratio:.4f} of requests > --max-fail-ratio {limit:g}"
    yield from slow.breach()
    if (limit := options.min_rps) is not None and total.total_rps < limit:
        yield f"{total.total_rps:.1f} requests per second < --min-rps {limit:g}"
    yield from _too_many_gone(environment)


def _nothing_sent(environment: Environment) -> Iterator[str]:
    if options_of(environment).headless:
        yield "not one request was answered"


def _too_many_gone(environment: Environment) -> Iterator[str]:
    entries = environment.stats.entries.values()
    gone = sum(entry.num_requests for entry in entries if entry.name.endswith(GONE))
    single = sum(entry.num_requests for entry in entries if entry.method in ("GET", "DELETE"))
    if gone > MAX_GONE_RATIO * single:
        yield (
            f"{gone} of {single} reads and deletes answered 404: is the path right, are the rows"
            " there (--base-path, --seeded-rows)?"
        )
