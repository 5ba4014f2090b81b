"""What a setting leaves and takes: CPU to spare, memory, database connections."""

from lab.analysis.formatting import estimated, percent
from lab.analysis.models.network import server_cores
from lab.analysis.settings import Cell, throughput

MIB = 2**20


def spare_cpu(cell: Cell) -> float | None:
    """Return the share of the CPU the server may use that it did not; None: not measured."""
    return cell.median(
        lambda trial: (
            max(0.0, 1 - trial.cores_used("server") / server_cores(trial))
            if "server" in trial.usage
            else None
        )
    )


def memory(cell: Cell) -> str:
    """Say how much each worker takes of what there is; nothing when it was not measured."""
    peak = cell.median(lambda t: t.usage["server"].peak_pss if "server" in t.usage else None)
    if peak is None:
        return ""
    limit = cell.conditions.memory or cell.trials[0].machine["memory"]
    count = cell.conditions.workers
    return f"{count} × {peak / count / MIB:.0f} MB of {limit / MIB:,.0f} MB"


def connections(cell: Cell) -> str:
    """Say how many connections its slots may open, of those the database allows."""
    most = cell.trials[0].machine.get("postgresql", {}).get("max_connections")
    return f"{cell.slots} of {most} database connections" if most else ""


def figures(cell: Cell) -> str:
    """Return a line of evidence about a setting that has valid trials."""
    rate, spare = cell.estimate(throughput), spare_cpu(cell)
    parts = [f"{estimated(rate)} requests/s"] if rate else []
    parts.append(f"p95 {estimated(cell.p95)} ms")
    if spare is not None:
        parts.append(f"{percent(spare)} CPU to spare")
    return f"{cell.sentence}: {', '.join(parts)}"
