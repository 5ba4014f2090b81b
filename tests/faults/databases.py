"""What can happen to the database and to the link to it."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from drf_speedups.postgresql import half_open
from tests.faults.cluster import ROLE, Cluster
from tests.faults.stage import LIMIT, LONGEST_RECOVERY, Fault, Stage

MEANWHILE = 0.4  # seconds for which a fault lasts
UNNOTICED = LIMIT + half_open.GRACE + half_open.INTERVAL  # seconds in which a link may be silent
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_sleep(5); RETURN NEW; END'
"""
ROWS = """
INSERT INTO crud_item (name, price, description)
SELECT 'filler', 1, repeat('x', {}) FROM generate_series(1, 20)
"""


def _restarted(stage: Stage) -> None:
    stage.cluster.restart()


def _crashed(stage: Stage) -> None:
    stage.cluster.restart("immediate")


def stopped_for(seconds: float) -> Fault:
    """Return the fault of a server that is down for some seconds."""

    def cause(stage: Stage) -> None:
        stage.cluster.stop()
        time.sleep(seconds)
        stage.cluster.start()

    return Fault(f"PostgreSQL stopped for {seconds:g} s", cause)


def _terminated(stage: Stage) -> None:
    assert stage.cluster.terminate_backends() > 0


def _read_only(stage: Stage) -> None:
    stage.cluster.set(default_transaction_read_only="on")
    time.sleep(MEANWHILE)
    stage.cluster.reset("default_transaction_read_only")


def _out_of_connections(stage: Stage) -> None:
    stage.cluster.admin(f"ALTER ROLE {ROLE} CONNECTION LIMIT 1")
    stage.cluster.terminate_backends()
    time.sleep(MEANWHILE)
    stage.cluster.admin(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")


def _table_locked(stage: Stage) -> None:
    """Needs a `lock_timeout` far below `statement_timeout`."""
    with psycopg.connect(stage.cluster.server.url()) as holder:
        holder.execute("LOCK TABLE crud_item IN ACCESS EXCLUSIVE MODE")
        time.sleep(2 * MEANWHILE)


def _statements_too_slow(stage: Stage) -> None:
    stage.cluster.admin(
        SLOW,
        "CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON crud_item"
        " FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    time.sleep(3 * MEANWHILE)
    stage.cluster.admin("DROP FUNCTION slow CASCADE")


def _disk_full(stage: Stage) -> None:
    with small_disk(stage.cluster) as folder:
        filler = folder / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"\0" * 65_536):
                pass
        for length in (1000, 0):  # the pages that are there already, to their last gap
            with contextlib.suppress(psycopg.errors.DiskFull):
                while True:
                    stage.cluster.admin(ROWS.format(length))
        time.sleep(MEANWHILE)
        filler.unlink()
        stage.cluster.admin("DELETE FROM crud_item WHERE name = 'filler'")


@contextlib.contextmanager
def small_disk(cluster: Cluster) -> Iterator[Path]:
    """Let the table live on a disk of 4 MB until the block ends; needs root."""
    folder = cluster.home / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    try:
        space = folder / "space"
        space.mkdir()
        shutil.chown(folder, "nobody")
        shutil.chown(space, "nobody")
        cluster.admin(
            f"CREATE TABLESPACE small LOCATION '{space}'",
            "ALTER TABLE crud_item SET TABLESPACE small",
        )
        yield folder
        cluster.admin(
            "ALTER TABLE crud_item SET TABLESPACE pg_default", "CHECKPOINT", "DROP TABLESPACE small"
        )
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


@contextlib.contextmanager
def standby_of(primary: Cluster) -> Iterator[Cluster]:
    """Make a second server that follows the first one, until the block ends."""
    standby = Cluster("standby")
    try:
        standby.follow(primary)
        yield standby
    finally:
        standby.remove()


def failover_from(primary: Cluster) -> Fault:
    """Return the fault of a primary that crashes; the stage's cluster is its standby."""

    def cause(stage: Stage) -> None:
        primary.stop("immediate")
        stage.cluster.promote()

    return Fault("failover to a standby", cause, rounds=1)


def may_mount() -> bool:
    """Tell whether `small_disk` can work here."""
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    ).returncode == 0  # fmt: skip


def _link_cut(stage: Stage) -> None:
    assert stage.proxy
    stage.proxy.refusing = True
    stage.proxy.cut()
    time.sleep(MEANWHILE)
    stage.proxy.refusing = False


def _link_half_open(stage: Stage) -> None:
    assert stage.proxy
    stage.proxy.fall_silent()


def stalled_for(seconds: float) -> Fault:
    """Return the fault of a link that passes nothing on for some seconds."""

    def cause(stage: Stage) -> None:
        assert stage.proxy
        stage.proxy.stalled = True
        time.sleep(seconds)
        stage.proxy.stalled = False

    return Fault(f"link stalled for {seconds:g} s", cause, statuses=frozenset({503, 504}))


DATABASE = (
    Fault("PostgreSQL restarted", _restarted),
    Fault("PostgreSQL crashed and recovered", _crashed),
    Fault("all backends terminated", _terminated),
    Fault("database read-only", _read_only),
    Fault("out of connections", _out_of_connections),
)
SLOWNESS = (
    Fault("table locked", _table_locked),
    Fault("statements too slow", _statements_too_slow, statuses=frozenset({503, 504})),
)
LINK = (
    Fault("link cut", _link_cut),
    Fault(
        "link half-open",
        _link_half_open,
        rounds=20,  # each finds other statements under way
        recovery=UNNOTICED + LONGEST_RECOVERY,
    ),
)
DISK = Fault("disk full", _disk_full)
