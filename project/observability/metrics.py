"""Prometheus metrics on a port of their own: what each worker tallies, written twice a second."""

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn

from gunicorn import util

from drf_speedups.server.lifecycle import LifecycleHooks
from project.database import errors
from project.observability.tally import tally

INTERVAL = 0.5  # seconds; what a killed worker takes with it
PATIENCE = 1.0  # seconds between attempts to get the port of a master that is being replaced


class Metrics(LifecycleHooks):
    """Serves in the master; tells in each worker."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.scrapes: Any = None  # of the old master, until this one serves

    def starting(self, arbiter: Any) -> None:
        """Serve, or end the start in one line."""
        self.exposition = self._exposition()
        if arbiter.cfg.uid != os.geteuid():  # it is the workers' account
            os.chown(self.exposition.FOLDER, arbiter.cfg.uid, arbiter.cfg.gid)
        if arbiter.master_pid:  # started by SIGUSR2: the old master serves until it ends
            threading.Thread(target=self._serve_when_free, daemon=True).start()
            return
        try:
            self.scrapes = self.exposition.serve(self.host, self.port)
        except (OSError, UnicodeError) as error:
            self.exposition.clear()
            why = str(getattr(error, "strerror", "") or error).partition(" (while")[0]
            _refuse(f"metrics cannot be served at {self.host}, port {self.port} ({why}): "
                    "stop what listens there, or set METRICS_PORT, METRICS_HOST")  # fmt: skip
        host = f"[{self.host}]" if ":" in self.host else self.host
        arbiter.log.info("Metrics at http://%s:%d/metrics", host, self.scrapes.port)

    def _exposition(self) -> Any:
        try:
            from project.observability import (
                exposition,  # a folder is made: only where it is also removed
            )
        except OSError as error:
            _refuse(f"METRICS_PORT is set, but there is no room for the metrics ({error}): "
                    "mount a tmpfs at /dev/shm or /tmp")  # fmt: skip
        return exposition

    def _serve_when_free(self) -> None:
        while True:
            try:
                self.scrapes = self.exposition.serve(self.host, self.port)
            except OSError:
                time.sleep(PATIENCE)
            else:
                return

    def worker_started(self, worker: Any) -> None:
        """Begin to tell."""
        os.close(self.exposition.LOCK)  # the master's
        if self.scrapes is not None:
            self.scrapes.listener.close()
        self.exposition.take_room(os.getpid())
        self.worker = worker
        self.shed = 0  # of the worker's, told already
        self.refused: Counter[int] = Counter()
        self.busy_seconds, self.told_at = tally.busy_seconds(), time.perf_counter()
        util.write_error = self._counting(util.write_error)
        self.one_at_a_time = threading.Lock()
        self.exposition.SLOTS.set(worker.cfg.threads)
        tally.is_read = True
        threading.Thread(target=self._tell_again_and_again, daemon=True).start()

    def _counting(self, write_error: Callable[..., None]) -> Callable[..., None]:
        def counting(client: Any, status: int, reason: str, message: str) -> None:
            self.refused[status] += 1
            write_error(client, status, reason, message)

        return counting

    def _tell_again_and_again(self) -> None:
        try:
            while True:
                time.sleep(INTERVAL)
                self._tell()
        except Exception:
            self.worker.log.exception("The metrics of this worker end here")
        finally:  # nobody takes any more: nothing must come together
            tally.is_read = False

    def _tell(self) -> None:
        with self.one_at_a_time:
            self.exposition.add(tally.take())
            self.exposition.add_trouble(errors.take())
            shed = getattr(self.worker, "refused", 0)  # other classes refuse nobody
            self.exposition.SHED.inc(shed - self.shed)
            self.shed = shed
            refused, self.refused = self.refused, Counter()
            for status, count in refused.items():
                self.exposition.REFUSED.labels(status).inc(count)
            busy_seconds, now = tally.busy_seconds(), time.perf_counter()
            busy = (busy_seconds - self.busy_seconds) / (now - self.told_at)
            self.exposition.BUSY.set(max(0.0, busy))
            self.busy_seconds, self.told_at = busy_seconds, now

    def worker_stops(self) -> None:
        """Tell what is left, unless there was no room for it from the start."""
        if tally.is_read:
            self._tell()

    def worker_gone(self, pid: int) -> None:
        """Keep its counts, forget its gauges."""
        self.exposition.bury(pid)

    def stopped(self) -> None:
        """Leave no file behind."""
        self.exposition.clear()


def _refuse(line: str) -> NoReturn:
    print(line, file=sys.stderr)  # noqa: T201
    raise SystemExit(2)
