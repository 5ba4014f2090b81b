"""What a plan means on a platform: the values of its files, and the arithmetic beside them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.formatting import counted
from lab.errors import CannotTellError
from lab.sizing.capacity import Plan, Size
from lab.sizing.requirements import RESERVED, ROLLOUT

CLOUD_RUN = "cloudrun"
PLATFORMS = (CLOUD_RUN,)
MOST_AT_ONCE = 1000  # requests that Cloud Run sends to one instance


@dataclass(frozen=True)
class CloudRun:
    """Values for `deploy/cloudrun/service.yaml`, each with the arithmetic that gave it."""

    values: Mapping[str, str]
    arithmetic: Sequence[str]
    note: str


def cloud_run(plan: Plan, size: Size) -> CloudRun:
    """Return how Cloud Run is to run what a plan says.

    Its limit of instances is what the interval of the plan may need, as far as the database has
    connections for old and new instances. Its concurrency is Little's law: what is in an instance
    whose CPU is full, if none is to stay longer than the objective. Raises
    `CannotTellError` when the database has no room for a single instance.
    """
    required, one, each = plan.required, size.one, plan.measured.connections
    held = one.connections
    room = required.max_connections - RESERVED
    needed, fitting = math.ceil(size.high.instances), room // (ROLLOUT * held)
    if not fitting:
        raise CannotTellError(
            f"one instance and its successor hold {ROLLOUT * held} connections, and the database "
            f"has {room}: measure with fewer --threads, or give --max-connections more"
        )
    most = min(needed, fitting)
    rate = round(one.network.capacity)
    at_once = max(1, min(MOST_AT_ONCE, int(rate * required.objective)))
    workers = f"{counted(one.workers, 'worker')} x {counted(each, 'connection')}"
    arithmetic = [
        f"{ROLLOUT} x {counted(most, 'instance')} x {workers} = {ROLLOUT * most * held} <= {room} "
        f"= max_connections {required.max_connections} - {RESERVED} reserved",
        f"{rate} requests/s x {required.objective:g} s = {int(rate * required.objective)}",
    ]
    values = {
        "autoscaling.knative.dev/maxScale": str(most),
        "containerConcurrency": str(at_once),
        "WEB_CONCURRENCY": str(one.workers),
        "cpu": f"{required.vcpus:g}",
        "memory": f"{required.memory / 2**20:.0f}Mi",
    }
    if plan.measured.at_once > each:
        values["OVERLAP_LINKS"] = str(each - 1)
    elif each > 1:
        values["GUNICORN_THREADS"] = str(each)
    return CloudRun(values, arithmetic, _note(needed, fitting))


def _note(needed: int, fitting: int) -> str:
    if fitting >= needed:
        return ""
    return (
        f"{counted(needed, 'instance')} may be needed, and the database has connections for "
        f"{fitting}: PgBouncer in between, or a larger max_connections, comes first."
    )
