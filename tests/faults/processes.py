"""What can happen to the processes of the service."""

import os
import signal
import time

from tests.faults.load import Answer, Load, load
from tests.faults.stage import Fault, Outcome, Stage, wait_for_answers

STOPPED_AFTER = 2  # seconds without a heartbeat, for a service with these GUNICORN_CMD_ARGS
HURRIED = f"--timeout {STOPPED_AFTER}"
RESTARTING = "--max-requests 60 --max-requests-jitter 30"
CLIENTS = 6
LONGEST_STOP = 10.0  # seconds until Cloud Run kills
# What may happen to a connection that comes while the service stops. A thread pool also resets
# those that the kernel has accepted and it has not: there the load balancer has to stop first.
REFUSED, RESET = "ConnectionRefusedError", "ConnectionResetError"
NOT_ACCEPTED = {"buffered": {REFUSED}, "gthread": {REFUSED, RESET}}
# Between its last look at who waits and its end of listening no process can tell the kernel to
# refuse: a newcomer of just then is reset.
MOMENT = 0.05  # seconds to the first refusal


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
    outcome.failed.update(map(_what, failed))
    outcome.lost = sent.ledger.faults(stage.table()) + sent.wrong
    outcome.broken += [] if code == 0 else [f"exit code {code} after {outcome.recovered:.1f} s"]
    outcome.broken += _cut_off(sent, NOT_ACCEPTED[kind])
    return outcome


def _cut_off(sent: Load, allowed: set[str]) -> list[str]:
    """Return what those met who should have had an answer."""
    first_refusal = min((one.ended for one in sent.answers if _what(one) == REFUSED), default=0.0)
    failed = [(client, one) for client in sent.clients for one in client.answers if not one.good]
    return [
        _what(answer) for client, answer in failed
        if _what(answer) not in allowed and not (
            _what(answer) == RESET and not client.keeps
            and abs(answer.ended - first_refusal) < MOMENT
        )
    ]  # fmt: skip


def _what(answer: Answer) -> str:
    return str(answer.status or answer.problem)
