"""How it was measured, in words: load, caps, implementations, machine, command."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.analysis.formatting import number
from lab.analysis.statistics import median
from lab.records.operations import weights_of
from lab.records.trial import Trial

GIB = 2**30


def conditions(trials: Sequence[Trial]) -> list[str]:
    """Say what every trial had in common, and between which values the rest was."""
    c = trials[0].conditions
    return [
        *_workers([trial for trial in trials if trial.knows_workers]),
        *_loads(trials),
        f"{_all(t.conditions.warm_up for t in trials)} s warm-up, then a window of "
        f"{_all(t.conditions.seconds for t in trials)} s; a request counts where it ended",
        *_table([trial for trial in trials if not trial.is_foreign]),
        f"random seed {c.seed}",
        *_distance(trials),
        *dict.fromkeys(said for trial in trials for said in trial.cap.sentences),
    ]


def _workers(trials: Sequence[Trial]) -> list[str]:
    """Say how many there were, where the server was told; how many connections, of our own."""
    known = [trial for trial in trials if trial.knows_slots]
    if not known:
        return [f"{_all(t.conditions.workers for t in trials)} workers"] if trials else []
    have = dict.fromkeys(f"{t.per_worker}s" for t in known if t.per_worker)
    each = f" × {_all(t.conditions.threads for t in known)} {' or '.join(have)}" if have else ""
    size = f"{_all(t.conditions.workers for t in known)} workers{each}"
    ours = [trial for trial in known if not trial.is_foreign]
    if not ours:
        return [size]
    one = "" if all(t.per_worker for t in known) else "; a worker that takes one at a time has one"
    most = max(trial.connections for trial in ours)
    return [f"{size}: at most {most} database connections{one}"]


def _table(trials: Sequence[Trial]) -> list[str]:
    """Say how many rows were made; a service of somebody's own has its own."""
    return [f"{trials[0].conditions.rows:,} rows seeded before each trial"] if trials else []


def _all(values: Iterable[float]) -> str:
    return ", ".join(f"{value:,g}" for value in sorted(set(values)))


def _loads(trials: Sequence[Trial]) -> list[str]:
    closed = [t.conditions for t in trials if not t.is_open]
    rates = [t.conditions.arrival_rate for t in trials if t.conditions.arrival_rate]
    said = [f"mix: {'; '.join(dict.fromkeys(_mix(t.conditions.mix) for t in trials))}"]
    if closed:
        pauses = {c.think_time for c in closed}
        paces = ", ".join({c.pace: "" for c in closed})
        again = f"after {_all(pauses)} s ({paces})" if any(pauses) else "at once"
        said.append(
            f"closed load: {_all(c.users for c in closed)} users; each waits for its answer and "
            f"sends again {again}, so a slow server gets fewer requests"
        )
    if rates:
        paces = ", ".join({t.conditions.pace: "" for t in trials if t.is_open})
        said.append(
            f"open load: {_all(rates)} requests/s come on a schedule "
            f"({paces}), whatever the answers do; "
            "each is timed from when it was due"
        )
    return said


def _mix(mix: str) -> str:
    weights = weights_of(mix)
    shares = (f"{100 * one / sum(weights.values()):g} % {role}" for role, one in weights.items())
    return ", ".join(share for share in shares if not share.startswith("0 %"))


def _distance(trials: Sequence[Trial]) -> list[str]:
    """Say how far away the database was."""
    trips = [trial.round_trip for trial in trials if trial.round_trip]
    if not trips:
        return []
    service = number(median([trip.service_ms for trip in trips]))
    added = {t.conditions.db_rtt for t in trials}
    if not any(added):
        return [f"the database is {service} ms away: the median round trip of SELECT 1"]
    direct = number(median([trip.direct_ms for trip in trips]))
    wanted = _all(1000 * seconds for seconds in added)
    return [
        f"a relay puts the database {wanted} ms further away: SELECT 1 takes the lab {direct} ms "
        f"and the service {service} ms (medians)"
    ]


def implementations(trials: Sequence[Trial]) -> list[str]:
    """Say how each implementation was started, and of what it is made."""
    first_of = {trial.label: trial for trial in reversed(trials)}
    labels = dict.fromkeys(trial.label for trial in trials)
    return [_implementation(first_of[label]) for label in labels]


def _implementation(trial: Trial) -> str:
    if "hosts" in trial.machine:
        return f"{trial.label}: on hosts of its own; the file of --hosts says how it is started"
    if not trial.settings["command"]:
        return (
            f"{trial.label}: was running already; nobody told the lab how, and of what it is made"
        )
    env = " ".join(f"{name}={value}" for name, value in trial.settings["env"].items())
    versions = ", ".join(f"{name} {v}" for name, v in trial.settings["versions"].items())
    started = f"{env} {trial.settings['command']}".strip()
    return f"{trial.label}: `{started}` ({versions or 'no versions known'})"


def machine(trial: Trial) -> list[str]:
    """Say on what it was measured, and by which code."""
    m = trial.machine
    database = ", ".join(f"{name} {value}" for name, value in m.get("postgresql", {}).items())
    tools = ", ".join(f"{name} {value}" for name, value in m.get("versions", {}).items())
    changed = m.get("changed_files", 0)
    state = f"{changed} files changed since" if changed else "nothing changed since"
    commit = f"commit {m['commit']}, {state}" if "commit" in m else "no git commit known"
    return [
        f"{hardware(trial)}, {m['kernel']}",
        *(f"host {name}: {_host(trial, name, one)}" for name, one in m.get("hosts", {}).items()),
        f"PostgreSQL: {database or 'settings not known'}",
        f"Python {m['python']}, {tools}",
        commit,
    ]


def _host(trial: Trial, name: str, one: Mapping[str, Any]) -> str:
    own = [process for process in trial.processes if process.host == name]
    spent = sum(process.during("cpu_seconds", 0, trial.seconds) for process in own)
    return (
        f"{one['role']} on {one['cores']} cores, {one['memory'] / GIB:.0f} GiB, {one['kernel']}; "
        f"its processes ({len(own)}) used {number(spent / trial.seconds)} cores"
    )


def hardware(trial: Trial) -> str:
    """Return the machine in a few words."""
    m = trial.machine
    quota = f" (a container's {trial.machine_cores:g} of them)" if m.get("quota") else ""
    return f"{m['cpu']}, {m['cores']} cores{quota}, {m['memory'] / GIB:.0f} GiB"
