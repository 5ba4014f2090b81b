"""What a fault happens to, and what came of it."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from lab.experiments.targets import TARGETS
from lab.running.processes import Placement, Program
from lab.running.servers import Server
from tests.faults.cluster import Cluster
from tests.faults.ledger import Row
from tests.faults.load import NO_ANSWER, Answer, Load, load
from tests.faults.proxy import Proxy
from tests.forks import serving

BUFFERED, GTHREAD = "drf_speedups.worker.BufferedWorker", "gthread"
WORKER_CLASSES = {"buffered": BUFFERED, "gthread": GTHREAD}
LONGEST_RECOVERY = 2.0  # seconds
LIMIT = 0.5  # seconds for a statement
IMPATIENT = f"options=-c%20statement_timeout%3D{LIMIT * 1000:.0f}ms%20-c%20lock_timeout%3D200ms"
TABLE = "SELECT id, name, quantity FROM crud_item"


@dataclass(frozen=True)
class Stage:
    """A service in two workers over a database of its own."""

    cluster: Cluster
    server: Server
    proxy: Proxy | None = None

    @property
    def program(self) -> Program:
        """Return gunicorn as it was started."""
        assert self.server.program
        return self.server.program

    @property
    def master(self) -> int:
        """Return the pid of gunicorn's own process."""
        return self.program.pid

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer."""
        return psutil.Process(self.master).children()

    def log_lines(self) -> list[dict[str, str]]:
        """Return all lines of the log so far; what is no JSON counts as a message."""
        lines = self.program.log.read_text().splitlines()
        return [json.loads(line) if line[:1] == "{" else {"message": line} for line in lines]

    def table(self) -> list[Row]:
        """Return what stands in the database."""
        rows: list[Row] = [(key, name, quantity) for key, name, quantity in
                           self.cluster.admin(TABLE)]  # fmt: skip
        return rows


@contextlib.contextmanager
def staged(
    cluster: Cluster, worker_class: str, log: Path, *, url: str = "", proxy: Proxy | None = None,
    workers: int = 2, threads: int = 2, placement: Placement | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Stage]:  # fmt: skip
    """Serve over a cluster, impatiently, until the block ends."""
    # Shedding is for overload.py to see: a machine that is busy is no fault of the service.
    given = {"GUNICORN_WORKER_CLASS": worker_class, "MAX_WAIT_SECONDS": "0", **(env or {})}
    where = url or (f"{proxy.url}?{IMPATIENT}" if proxy else f"{cluster.url}&{IMPATIENT}")
    target = replace(TARGETS["django"], ready="/readyz")
    how = {"log": log, "workers": workers, "threads": threads, "placement": placement}
    with serving(target, where, env=given, **how) as server:
        yield Stage(cluster, server, proxy)


@dataclass(frozen=True)
class Fault:
    """Something that happens under load, and what clients may notice of it.

    `cause` returns when it is over; `statuses` may come besides success, so many may stay
    `unanswered`; all is well again within `recovery` seconds.
    """

    name: str
    cause: Callable[[Stage], None]
    statuses: frozenset[int] = frozenset({503})
    unanswered: int = 0
    recovery: float = LONGEST_RECOVERY
    rounds: int = 3  # of a long run


@dataclass
class Outcome:
    """What came of the rounds of one fault."""

    fault: str
    rounds: int = 0
    acknowledged: int = 0
    failed: Counter[str] = field(default_factory=Counter)  # answers that were no success
    lost: list[str] = field(default_factory=list)  # what the ledger finds wrong in the table
    broken: list[str] = field(default_factory=list)  # other promises that were not kept
    recovered: float = 0.0  # seconds, the longest

    def line(self) -> str:
        """Return one line of the table."""
        failed = ", ".join(f"{count} x {what}" for what, count in sorted(self.failed.items()))
        return (
            f"{self.fault:<44}{self.rounds:>7}{self.acknowledged:>14}{len(self.lost):>6}"
            f"{self.recovered:>10.2f} s  {failed or '-'}"
        )


HEAD = f"{'fault':<44}{'rounds':>7}{'acknowledged':>14}{'lost':>6}{'recovered':>12}  other answers"


def survive(fault: Fault, stage: Stage, rounds: int = 1, clients: int = 6) -> Outcome:
    """Let the fault happen under load, and compare the ledger with the table."""
    outcome = Outcome(fault.name, rounds)
    for _ in range(rounds):
        lines_before = len(stage.log_lines())
        if stage.table():  # a standby is empty, and could not be emptied
            stage.cluster.admin("TRUNCATE crud_item")
        with load(stage.server.url, clients) as sent:
            wait_for_answers(sent, 4)
            begun = time.monotonic()
            fault.cause(stage)
            over = time.monotonic()
            settle(sent, over, fault.recovery)
        if stage.proxy:
            stage.proxy.end_silent()  # a worker without clients in this round has not found out
        judge(fault, sent, begun, over, outcome)
        outcome.lost += sent.ledger.faults(stage.table())
        outcome.broken += _log_faults(stage.log_lines()[lines_before:])
    return outcome


def wait_for_answers(sent: Load, count: int, since: float = 0.0, patience: float = 15.0) -> bool:
    """Wait until every client has had so many good answers in a row since a moment."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if all(_good_since(client.answers, since) >= count for client in sent.clients):
            return True
        time.sleep(0.01)
    return False


def _good_since(answers: list[Answer], moment: float) -> int:
    count = 0
    for answer in reversed(answers[-20:]):
        if not answer.good or answer.begun < moment:
            break
        count += 1
    return count


def settle(sent: Load, over: float, recovery: float) -> None:
    """Let the load go on until all is well, or clearly is not."""
    wait_for_answers(sent, 5, since=over, patience=recovery + 3)
    time.sleep(max(0.0, over + 0.3 - time.monotonic()))


def judge(fault: Fault, sent: Load, begun: float, over: float, outcome: Outcome) -> None:
    """Add what the load has met to the outcome."""
    failures = [answer for answer in sent.answers if not answer.good]
    outcome.acknowledged += sent.ledger.acknowledged
    outcome.failed.update(str(a.status or a.problem) for a in failures)
    outcome.lost += sent.wrong
    after = [answer.ended - over for answer in failures if answer.ended > over]
    outcome.recovered = max([outcome.recovered, *after])
    if outcome.recovered > fault.recovery:
        outcome.broken.append(f"still failing after {outcome.recovered:.1f} s")
    if any(answer.ended < begun for answer in failures):
        outcome.broken.append("there were failures before the fault")
    unanswered = sum(answer.status == NO_ANSWER for answer in failures)
    if unanswered > fault.unanswered:
        outcome.broken.append(f"{unanswered} requests were left without an answer")
    outcome.broken += _refusals_faults(fault, failures)


def _refusals_faults(fault: Fault, failures: list[Answer]) -> list[str]:
    wrong = []
    for answer in failures:
        if answer.status == NO_ANSWER:
            continue
        if answer.status not in fault.statuses:
            wrong.append(f"{answer.method} was answered with {answer.status}: {answer.problem}")
        if answer.status == 503 and answer.retry_after is None:
            wrong.append(f"a 503 to {answer.method} says not when to try again: {answer.problem}")
        if '"status"' not in answer.problem:
            wrong.append(f"no problem+json: {answer.problem[:80]}")
    return wrong


def _log_faults(lines: list[dict[str, str]]) -> list[str]:
    """Return what is wrong with the log: a burst is worth one line in each worker."""
    troubles = Counter(
        (line["process"], line["message"].partition("): ")[2].partition(", after")[0])
        for line in lines if line.get("logger") == "project.database.errors"
    )  # fmt: skip
    wrong = [f"logged {count} times: {what}" for (_, what), count in troubles.items() if count > 1]
    wrong += [f"a traceback: {line['message']}" for line in lines if "exc_info" in line]
    wrong += [f"the framework's own line: {line['message']}" for line in lines
              if line.get("logger", "").startswith("django")]  # fmt: skip
    return wrong
