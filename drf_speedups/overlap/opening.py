"""Whether the requests of an application overlap at all, and with which lane."""

from typing import Any

from django.db import connections

from drf_speedups.eligibility import driver
from drf_speedups.eligibility.reasons import wanted
from drf_speedups.express.lane import ExpressLane, Lane
from drf_speedups.overlap.lane import OverlapLane


def overlapping(express: ExpressLane, links: int = 4, alias: str = "default") -> OverlapLane | None:
    """Return the lane of an application, None where its requests cannot overlap."""
    lane = express.open()
    return None if stays_closed(lane, links, alias) else OverlapLane(lane, alias, links)


def stays_closed(lane: Lane, links: int, alias: str = "default") -> str:
    """Return why requests cannot overlap, nothing if they can."""
    database: Any = connections[alias]
    reasons = {
        f"the express lane is closed: {lane.closed_because}": not lane.is_open,
        "the setting SPEEDUPS leaves out 'overlap'": not wanted("overlap"),
        "no links are allowed": links < 1,
        "the database is not PostgreSQL": database.vendor != "postgresql",
        driver.MISSING: bool(driver.MISSING),
        "CONN_MAX_AGE is 0: connections end with each request":
            database.settings_dict["CONN_MAX_AGE"] == 0,
        "AUTOCOMMIT is off: changes are somebody's to commit":
            not database.settings_dict["AUTOCOMMIT"],
    }  # fmt: skip
    return next((reason for reason, holds in reasons.items() if holds), "")
