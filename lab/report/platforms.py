"""The values for a platform's files and their arithmetic, for people and for other programs."""

from dataclasses import asdict
from typing import Any

from lab.errors import CannotTellError
from lab.report.blocks import Block, Bullets, Code, Heading, Table
from lab.sizing.capacity import Plan, Size
from lab.sizing.platforms import cloud_run

FILE = "deploy/cloudrun/service.yaml"


def blocks(plan: Plan, size: Size) -> list[Block]:
    """Return the values and the arithmetic, for people."""
    title = Heading(f"Cloud Run, {size.users:,} users: what goes into {FILE}")
    try:
        found = cloud_run(plan, size)
    except CannotTellError as why:
        return [title, Bullets([f"I cannot tell, because {why}"])]
    rows = [list(pair) for pair in found.values.items()]
    return [title, Table(("", "value"), rows, found.note), Code(list(found.arithmetic))]


def document(plan: Plan, size: Size) -> dict[str, Any]:
    """Return the same for other programs."""
    try:
        return {"users": size.users, **asdict(cloud_run(plan, size))}
    except CannotTellError as why:
        return {"users": size.users, "cannot_tell": str(why)}
