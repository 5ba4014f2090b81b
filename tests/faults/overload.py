"""More requests than the service can answer: what it still answers, and how soon."""

import contextlib
import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lab import ROOT
from tests.faults.cluster import Cluster
from tests.faults.proxy import proxied
from tests.faults.stage import BUFFERED, Stage, staged

DELAY = 0.02  # seconds
CAPACITY = 90.0  # requests/s of two workers that wait so long for each answer, and a little less
LATE = 0.4  # seconds that a busy machine adds to the limit
IN_TIME = 1.5  # seconds after which a client has lost patience: such an answer is not good any more


@dataclass(frozen=True)
class Answers:
    """What came of an open load; rates per second, times in seconds."""

    offered: float
    goodput: float  # 2xx within `IN_TIME`
    refused: float  # 503
    unanswered: int
    p99: float  # of what was answered with 2xx
    slowest_refusal: float


def offer(stage: Stage, rate: float, seconds: float) -> Answers:
    """Send GETs of one row at a rate; count what was due after the first quarter of the time."""
    port = str(urlsplit(stage.server.url).port)
    command = [sys.executable, "-m", "tests.faults.open_load", port, str(rate), str(seconds)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    answers = [(float(due), float(ended) - float(due), int(status)) for due, ended, status in rows]
    begin = min(due for due, _, _ in answers) + seconds / 4
    answers = [answer for answer in answers if answer[0] >= begin]
    window = seconds * 3 / 4
    good = sorted(latency for _, latency, status in answers if status == 200)
    refusals = [latency for _, latency, status in answers if status == 503]
    return Answers(
        offered=len(answers) / window,
        goodput=sum(latency <= IN_TIME for latency in good) / window,
        refused=len(refusals) / window,
        unanswered=sum(status == 0 for _, _, status in answers),
        p99=good[int(0.99 * len(good))] if good else float("inf"),
        slowest_refusal=max(refusals, default=0.0),
    )


def faults(swamped: Answers, goodput: float, limit: float) -> list[str]:
    """Return what is wrong with answers under too much load.

    `goodput` is the least that is due, in requests/s; `limit` the longest wait, in seconds.
    """
    wrong = []
    if swamped.goodput < goodput:
        wrong.append(f"goodput fell to {swamped.goodput:.0f}/s, due are {goodput:.0f}/s")
    if swamped.unanswered:
        wrong.append(f"{swamped.unanswered} requests were left without an answer")
    if swamped.p99 > limit + LATE:
        wrong.append(f"accepted ones waited {swamped.p99:.1f} s")
    if swamped.slowest_refusal > limit + LATE:
        wrong.append(f"a refused one waited {swamped.slowest_refusal:.1f} s")
    return wrong


@contextlib.contextmanager
def slowed(cluster: Cluster, log: Path, **env: str) -> Iterator[Stage]:
    """Serve over a link that delays each statement by `DELAY`, until the block ends.

    One request at a time: a worker whose requests overlap would not notice the delay.
    """
    cluster.have_item_one()
    env = {"OVERLAP_LINKS": "0", **env}
    with proxied(cluster) as proxy, staged(cluster, BUFFERED, log, proxy=proxy, env=env) as stage:
        proxy.delay = DELAY
        yield stage


class Prober(threading.Thread):
    """Asks every 50 ms whether the service lives; `slowest` is in seconds."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(daemon=True)
        self.url = urlsplit(stage.server.url)
        self.stopped = threading.Event()
        self.statuses: list[int] = []
        self.slowest = 0.0

    def run(self) -> None:
        """Ask until stopped."""
        while not self.stopped.wait(0.05):
            begun = time.monotonic()
            self.statuses.append(self._ask())
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def _ask(self) -> int:
        connection = http.client.HTTPConnection(str(self.url.hostname), self.url.port, timeout=5)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def __enter__(self) -> "Prober":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join(10)
