"""Was the run good enough? Sets the exit code of a finished run."""

import sys
from collections.abc import Iterator

from locust.env import Environment

from options import options_of

GONE = " (gone)"  # names the row of 404s that a concurrent delete explains
MAX_GONE_RATIO = 0.1  # of the requests for one item; more is a wrong path or an empty table


def judge(environment: Environment) -> None:
    """Print a line to stderr for each breach and set the exit code.

    A share of failures that --max-fail-ratio allows is no failure of the run.
    """
    if environment.process_exit_code is not None:
        return  # refused before it began
    breaches = list(_breaches(environment))
    for breach in breaches:
        print(f"locust: {breach}", file=sys.stderr)  # noqa: T201
    if breaches:
        environment.process_exit_code = 1
    elif options_of(environment).max_fail_ratio is not None:
        environment.process_exit_code = 0


def _breaches(environment: Environment) -> Iterator[str]:
    options, total = options_of(environment), environment.stats.total
    if not total.num_requests:
        yield from _nothing_sent(environment)
        return
    if (limit := options.max_fail_ratio) is not None and total.fail_ratio > limit:
        yield f"failures {total.fail_ratio:.4f} of requests > --max-fail-ratio {limit:g}"
    p95 = total.get_response_time_percentile(0.95)
    if (limit := options.max_p95) is not None and p95 > limit:
        yield f"95th percentile {p95:g} ms > --max-p95 {limit:g}"
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
