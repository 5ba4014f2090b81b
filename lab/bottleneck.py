"""Which party had the machine, and therefore what limited the throughput."""

from collections.abc import Mapping, Sequence

from lab.blocks import Table
from lab.records import Trial
from lab.statistics import median
from lab.words import hundredths, spread

BUSY = 0.9  # of what a party could have had
PARTIES = {
    "server": "server",
    "database": "database",
    "generator": "load generator",
    "lab": "the lab's own sampling",
    "others": "other programs",
    "steal": "taken by the hypervisor",
}


def who_had_the_machine(groups: Mapping[str, Sequence[Trial]]) -> Table:
    """Return the cores each party used."""
    rows = [[name, *(_used(party, g) for g in groups.values())] for party, name in PARTIES.items()]
    return Table(("cores used", *groups), rows, note="CPU seconds per second of the window.")


def _used(party: str, group: Sequence[Trial]) -> str:
    if party not in group[0].usage:
        return "not measured"
    return spread([trial.cores_used(party) for trial in group], hundredths)


def bottleneck(label: str, group: Sequence[Trial]) -> str:
    """Say what limited an implementation, with the utilisation that shows it."""
    server = median([_server_utilisation(trial) for trial in group])
    generator = median([trial.cores_used("generator") for trial in group])
    shared = median([_beside_the_server(trial) for trial in group])
    if server > BUSY:
        return f"{label} was limited by its own CPU: {server:.0%} of what it may use was in use"
    if generator > BUSY:
        return f"{label} was limited by the load generator, which used {generator:.0%} of a core"
    if shared > BUSY:
        return (
            f"{label} was limited by database and load generator, which used {shared:.0%} of their "
            f"cores, while the server used {server:.0%} of its own"
        )
    slots = group[0].conditions.workers * group[0].conditions.threads
    return (
        f"{label} was not limited by any CPU: the server used {server:.0%} of its own. Its requests"
        f" waited, for one of {slots} threads or connections or for the database's answers"
    )


def _server_utilisation(trial: Trial) -> float:
    """Return the share of the CPU that the server may use which it did use."""
    pinned = len(trial.cores.get("server", ())) or trial.machine["cores"]
    return trial.cores_used("server") / min(pinned, trial.conditions.cpus or pinned)


def _beside_the_server(trial: Trial) -> float:
    """Return the utilisation of the cores of database and load generator together."""
    parties = [trial.usage[name] for name in ("database", "generator") if name in trial.usage]
    cores = {core for party in parties for core in party.cores}
    spent = sum(party.cpu_seconds for party in parties)
    return spent / trial.seconds / (len(cores) or trial.machine["cores"])
