"""What a setting leaves and takes: CPU to spare, memory, database connections."""

from lab.analysis.formatting import counted, estimated, percent
from lab.analysis.models.network import server_cores
from lab.analysis.settings import Setting, throughput
from lab.records.trial import Trial

MIB = 2**20
RESERVED = 3  # connections: PostgreSQL's superuser_reserved_connections


def spare_cpu(setting: Setting) -> float | None:
    """Return the share of the CPU the server may use that it did not; None: not measured."""
    return setting.median(_spare_cpu)


def _spare_cpu(trial: Trial) -> float | None:
    if "server" not in trial.usage:
        return None
    may = server_cores(trial)
    left = may - trial.cores_used("server")
    if not trial.cores["server"]:  # it has no cores of its own: others run on them
        left = min(left, float(trial.machine["cores"]) - sum(map(trial.cores_used, trial.usage)))
    if most := trial.machine.get("quota"):
        left = min(left, most - sum(map(trial.cores_used, trial.cores)))
    return max(0.0, left / may)


def memory(setting: Setting) -> str:
    """Say how much each worker takes of what there is; nothing when it was not measured."""
    peak = setting.median(lambda t: t.usage["server"].peak_pss if "server" in t.usage else None)
    if peak is None:
        return ""
    limit = setting.conditions.memory or setting.trials[0].machine["memory"]
    if not setting.trials[0].knows_workers:
        return f"{peak / MIB:.0f} MB of {limit / MIB:,.0f} MB"
    count = setting.trials[0].workers
    return f"{count} × {peak / count / MIB:.0f} MB of {limit / MIB:,.0f} MB"


def connections(setting: Setting) -> str:
    """Say how many connections its workers may open, or did, of those the database allows."""
    if not (most := _most_connections(setting)):
        return ""
    if _keeps_to_them(setting):
        return f"{setting.connections} of {most} database connections"
    seen = _connections_seen(setting)
    return f"up to {seen} of {most} database connections were open" if seen else ""


def room(setting: Setting) -> str:
    """Say how many such workers the database has connections for; "" where that is not known."""
    most = _most_connections(setting)
    if not (most and _keeps_to_them(setting)):
        return ""
    each = setting.connections // setting.conditions.workers
    return (
        f"each worker may hold {counted(each, 'connection')}: max_connections = {most} is enough "
        f"for {counted((most - RESERVED) // each, 'worker')} ({RESERVED} are kept for superusers)"
    )


def _keeps_to_them(setting: Setting) -> bool:
    """Whether its workers hold as many connections as they were told, for all that was seen."""
    trial = setting.trials[0]
    return trial.knows_slots and not (
        trial.is_foreign and _connections_seen(setting) > setting.connections
    )


def _most_connections(setting: Setting) -> int:
    return int(setting.trials[0].machine.get("postgresql", {}).get("max_connections", 0))


def _connections_seen(setting: Setting) -> int:
    """Return how many the service had open at most: the lab's own is one of them."""
    sources = [trial.counters.get("database") for trial in setting.trials]
    totals = [max(one.totals.get("connections", (0,))) for one in sources if one]
    return max(0, round(max(totals, default=0)) - 1)


def figures(setting: Setting) -> str:
    """Return a line of evidence about a setting that has valid trials."""
    rate, spare = setting.estimate(throughput), spare_cpu(setting)
    parts = [f"{estimated(rate)} requests/s"] if rate else []
    parts.append(f"p95 {estimated(setting.p95)} ms")
    if spare is not None:
        parts.append(f"{percent(spare)} CPU to spare")
    return f"{setting.sentence}: {', '.join(parts)}"
