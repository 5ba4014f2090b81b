"""What can happen to the processes of the service."""

import os
import signal
import time

from tests.faults.load import load
from tests.faults.stage import Fault, Outcome, Stage, wait_for_answers

STOPPED_AFTER = 2  # seconds without a heartbeat, for a service with these GUNICORN_CMD_ARGS
HURRIED = f"--timeout {STOPPED_AFTER}"
RESTARTING = "--max-requests 60 --max-requests-jitter 30"
CLIENTS = 6
LONGEST_STOP = 10.0  # seconds until Cloud Run kills
# What may happen to a connection that comes while the service stops. A thread pool also resets
# those that the kernel has accepted and it has not: there the load balancer has to stop first.
NOT_ACCEPTED = {
    "buffered": {"ConnectionRefusedError"},
    "gthread": {"ConnectionRefusedError", "ConnectionResetError"},
}


def _one_killed(stage: Stage) -> None:
    stage.workers()[0].send_signal(signal.SIGKILL)


def _all_killed(stage: Stage) -> None:
    for worker in stage.workers():
        worker.send_signal(signal.SIGKILL)


def _one_hung(stage: Stage) -> None:
    stage.workers()[0].suspend()
    time.sleep(STOPPED_AFTER + 1)  # the master looks once a second


def _reloaded(stage: Stage) -> None:
    before = {worker.pid for worker in stage.workers()}
    os.kill(stage.master, signal.SIGHUP)
    deadline = time.monotonic() + 12
    while before & {worker.pid for worker in stage.workers()} and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not before & {worker.pid for worker in stage.workers()}


def _worker_replaced(stage: Stage) -> None:
    """Needs `RESTARTING`."""
    before = {worker.pid for worker in stage.workers()}
    deadline = time.monotonic() + 12
    while before & {worker.pid for worker in stage.workers()} and time.monotonic() < deadline:
        time.sleep(0.02)


KILLED = Fault("a worker killed", _one_killed, unanswered=CLIENTS)
ALL_KILLED = Fault("all workers killed", _all_killed, unanswered=2 * CLIENTS)
RELOADED = Fault("SIGHUP", _reloaded, statuses=frozenset())
REPLACED = Fault("max_requests reached", _worker_replaced, statuses=frozenset())
# Until the master gives it up, its clients wait; no longer than it takes to find out.
HUNG = Fault("a worker hung", _one_hung, unanswered=CLIENTS, recovery=3.0)
BY_ARGUMENTS = (
    (KILLED, ""), (ALL_KILLED, ""), (RELOADED, ""), (HUNG, HURRIED), (REPLACED, RESTARTING),
)  # fmt: skip


def stop_under_load(stage: Stage, kind: str) -> Outcome:
    """Ask the service to stop: whoever was accepted gets an answer, the others are refused."""
    outcome = Outcome("SIGTERM", rounds=1)
    stage.cluster.admin("TRUNCATE crud_item")
    with load(stage.server.url, clients=4, newcomers=4) as sent:
        wait_for_answers(sent, 4)
        begun = time.monotonic()
        os.kill(stage.master, signal.SIGTERM)
        code = stage.program.wait(LONGEST_STOP)
        outcome.recovered = time.monotonic() - begun
    failed = [answer for answer in sent.answers if not answer.good]
    outcome.acknowledged = sent.ledger.acknowledged
    outcome.failed.update(str(answer.status or answer.problem) for answer in failed)
    outcome.lost = sent.ledger.faults(stage.table()) + sent.wrong
    outcome.broken += [] if code == 0 else [f"exit code {code} after {outcome.recovered:.1f} s"]
    outcome.broken += [what for what in outcome.failed if what not in NOT_ACCEPTED[kind]]
    return outcome
