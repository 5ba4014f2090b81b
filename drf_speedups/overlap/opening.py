"""Whether the requests of an application overlap at all, and with which lane."""

from typing import Any

from django.db import connections

from drf_speedups.eligibility import driver
from drf_speedups.eligibility.database import check_backend
from drf_speedups.eligibility.members import Role, check_members
from drf_speedups.eligibility.reasons import StepAside, switched_on, unless
from drf_speedups.express.lane import ExpressLane, Lane
from drf_speedups.overlap.lane import OverlapLane

# What a backend does when it connects, and so for each link, too.
CONNECTING = frozenset({
    "get_connection_params", "get_new_connection", "init_connection_state", "connect",
    "ensure_timezone", "ensure_role", "close_pool",
})  # fmt: skip


def overlapping(express: ExpressLane, links: int = 4, alias: str = "default") -> OverlapLane | None:
    """Return the lane of an application, None where its requests cannot overlap."""
    lane = express.open()
    try:
        check_members(type(express), Role(ExpressLane))  # which a subclass may call, and refuse
        _check(lane, links, alias)
    except StepAside:
        return None
    return OverlapLane(lane, alias, links)


def stays_closed(lane: Lane, links: int, alias: str = "default") -> str:
    """Return why requests cannot overlap, nothing if they can."""
    try:
        _check(lane, links, alias)
    except StepAside as reason:
        return str(reason)
    return ""


def _check(lane: Lane, links: int, alias: str) -> None:
    """Raise `StepAside` unless requests can overlap."""
    database: Any = connections[alias]
    unless(lane.is_open, f"the express lane is closed: {lane.closed_because}")
    switched_on("overlap")
    unless(links > 0, "no links are allowed")
    unless(database.vendor == "postgresql", "the database is not PostgreSQL")
    unless(not driver.MISSING, driver.MISSING)
    unless(database.settings_dict["CONN_MAX_AGE"] != 0,
           "CONN_MAX_AGE is 0: connections end with each request")  # fmt: skip
    unless(database.settings_dict["AUTOCOMMIT"],
           "AUTOCOMMIT is off: changes are somebody's to commit")  # fmt: skip
    check_backend(type(database), CONNECTING)
