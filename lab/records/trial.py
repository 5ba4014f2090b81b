"""What one trial found: immutable values, checked at birth, one versioned JSON line each.

The file of records is the seam between measuring and reporting: a report needs nothing else. What
can be computed is a property and is not stored; single requests stand in the compressed log beside.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lab.records.conditions import Conditions
from lab.records.environment import Cap, RoundTrip, Table
from lab.records.operations import ALL, ROLES, Operation, Second, merged, total_of
from lab.records.usage import Counters, Process, Usage, party_usage, pss_over_time

SERVICE = "service"  # the role of a host that serves
OPEN = "open"  # the kind of a trial of the open pass
MOMENT = 3.0  # seconds in which a process that is seen did no more than one task


@dataclass(frozen=True)
class Trial:
    """One implementation, once, under load. Seconds count from the start of the window.

    `processes` are those of the parties "server", "database", "generator", "relay" (under
    --db-rtt) and "lab". `counters` are "machine" (busy_seconds, steal_seconds), "database"
    (named in lab/running/database/pgstat.py), "cap" and "quota" (what was done to the server, or to
    all, by a control group) and "clock" (ahead_seconds, of one that nobody sets). Of an
    implementation that the lab did not start there are no processes of the server, unless its pid
    was given: its usage is not measured.
    """

    number: int  # in the order of measuring, from 1
    place: int  # of its setting in the order in which they were asked for, from 1
    pair: int  # the repeat, from 1: trials of one repeat are neighbours in time
    kind: str  # what it was measured for: run, article, compare, sweep, ladder, or OPEN
    target: str  # a name of the registry, or a URL
    label: str  # what is compared: the target, "django #2", or a rung of the ladder
    title: str  # of an article's figure; otherwise empty
    command: str  # that measured it, as a person types it
    objective_ms: float | None  # what p95 must stay below, as that command says
    started: str  # ISO 8601, UTC
    conditions: Conditions
    seconds_of_load: tuple[Second, ...]  # one per second and operation that had an answer
    inside: tuple[float, ...]  # mean number of requests due and not answered, second by second
    at_least: tuple[
        float, ...
    ]  # the share of the window with at least 1, 2, … of them; (): unknown
    silences: tuple[tuple[float, float], ...]  # from when, and how long (s), nothing was answered
    unanswered: int  # requests due before the window's end, and never answered
    errors: Mapping[str, int]  # message: how often in the window
    served_by: Mapping[str, int]  # X-Served-By, "name/pid": requests in the window
    processes: tuple[Process, ...]
    cores: Mapping[str, tuple[int, ...]]  # party: what it was pinned to; empty: anywhere
    counters: Mapping[str, Counters]
    table: Table | None  # None: another's database, which the lab does not see
    round_trip: RoundTrip | None
    cap: Cap
    warnings: tuple[str, ...]  # of the load generator
    machine: Mapping[str, Any]
    settings: Mapping[str, Any]  # command, environment and versions of the implementation
    opened: int | None = None  # connections, by the load in the window; None: not known

    def __post_init__(self) -> None:
        if not self.conditions.seconds > 0 or not any(s.at >= 0 for s in self.seconds_of_load):
            raise ValueError(f"trial {self.number} has no window or no answer in it")

    @property
    def slots(self) -> int:
        """Requests that can be inside the workers at once."""
        at_once: int = self.settings.get("at_once") or self.conditions.threads
        return self.conditions.workers * at_once

    @property
    def knows_workers(self) -> bool:
        """Whether the server was told how many: what nobody tells has the ones it has."""
        return bool(self.settings.get("is_told", not self.is_external))

    @property
    def workers(self) -> int:
        """How many workers it has on all hosts that serve."""
        hosts = self.machine.get("hosts", {}).values()
        instances = sum(1 for host in hosts if host["role"] == SERVICE)
        return self.conditions.workers * max(1, instances)

    @property
    def knows_slots(self) -> bool:
        """Whether `slots` is more than a default: a service of another's need not say it."""
        said = self.settings.get("at_once", self.conditions.threads)
        return bool(said) and self.knows_workers

    @property
    def connections(self) -> int:
        """Connections to the database that the workers may hold."""
        of_one: int = self.settings.get("connections") or self.slots // self.conditions.workers
        return self.conditions.workers * of_one

    @property
    def links(self) -> int | None:
        """Connections that requests share which overlap; None: a request has a slot to itself."""
        each, at_once = (self.settings.get(name) or 0 for name in ("connections", "at_once"))
        # One connection of each worker is for what does not overlap.
        return self.conditions.workers * (each - 1) if 1 < each < at_once else None

    @property
    def per_worker(self) -> str:
        """What `threads` are in this server, in the singular; "": it has none, or nobody said."""
        several = self.slots == self.connections > self.conditions.workers
        other = "link" if self.links else "thread" if self.knows_slots and several else ""
        said: str = self.settings.get("per_worker", other)
        return said

    @property
    def seconds(self) -> float:
        """The length of the window."""
        return self.conditions.seconds

    @property
    def under_way(self) -> float:
        """The mean number of requests that were due and not answered, in the window."""
        return sum(self.inside) / len(self.inside) if self.inside else 0.0

    def in_use(self, slots: int) -> float:
        """Return the mean number of slots that held a request, of so many that requests queue for.

        Where no more is known than how many were inside on average (format 2), those that queue are
        taken for as many as in M/M/1, the most that random arrivals make: L = c p + p^2 / (1 - p).
        """
        if self.at_least:
            return sum(self.at_least[:slots])
        inside = self.under_way
        both = slots + inside
        return 2 * slots * inside / (both + math.sqrt(both**2 - 4 * (slots - 1) * inside))

    @property
    def group_key(self) -> tuple[str, Conditions]:
        """What its repeats have in common and other trials have not."""
        return self.label, self.conditions

    @property
    def is_open(self) -> bool:
        """Whether requests came at their own rate, whatever the answers did."""
        return self.conditions.arrival_rate is not None

    @property
    def is_external(self) -> bool:
        """Whether it was running already, somewhere, and is known by its URL only."""
        return self.target.startswith(("http://", "https://"))

    @property
    def is_foreign(self) -> bool:
        """Whether it is somebody's own: it need not name itself, and its table is not the lab's."""
        return self.is_external or bool(self.settings.get("is_foreign"))

    @property
    def hides_its_database(self) -> bool:
        """Whether what it uses of a database may be counted as other programs'."""
        return "database" not in self.cores

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The window: all operations together, then each by name."""
        window = [second for second in self.seconds_of_load if second.at >= 0]
        names = sorted({second.operation for second in window})
        parts = (total_of(name, [s for s in window if s.operation == name]) for name in names)
        return (total_of(ALL, window), *parts)

    def by_second(self, operation: str = ALL) -> list[Second]:
        """Return the load second by second, warm-up included; seconds without an answer lack."""
        chosen = [s for s in self.seconds_of_load if operation in (ALL, s.operation)]
        moments = sorted({second.at for second in chosen})
        return [merged(operation, [s for s in chosen if s.at == at]) for at in moments]

    @property
    def total(self) -> Operation:
        """All operations of the window together."""
        return self.operations[0]

    @property
    def throughput(self) -> float:
        """Requests per second."""
        return self.total.requests / self.seconds

    @cached_property
    def usage(self) -> Mapping[str, Usage]:
        """What each party took in the window; `others` is the machine's rest.

        `steal` is what a hypervisor took from this machine while it wanted to run.
        """
        found = {
            party: party_usage(
                (p for p in self.processes if p.party == party), cores, 0, self.seconds
            )
            for party, cores in self.cores.items()
        }
        machine = self.counters["machine"]
        busy = machine.during("busy_seconds", 0, self.seconds) or 0.0
        known = sum(usage.cpu_seconds for usage in found.values())
        found["others"] = Usage(max(0.0, busy - known))
        found["steal"] = Usage(machine.during("steal_seconds", 0, self.seconds) or 0.0)
        return found

    @property
    def server_ms_per_request(self) -> float | None:
        """CPU milliseconds of the server per request: its service demand; None: not measured."""
        server = self.usage.get("server")
        return 1000 * server.cpu_seconds / self.total.requests if server else None

    @property
    def memory_over_time(self) -> list[int]:
        """The memory (PSS, bytes) of the server's processes together, each time it was read."""
        return pss_over_time(self.servers, 0, self.seconds)

    @property
    def machine_cores(self) -> float:
        """How many cores' worth of CPU there is: a container may be allowed less than all."""
        return min(float(self.machine["cores"]), self.machine.get("quota") or math.inf)

    def cores_used(self, party: str) -> float:
        """CPU seconds per second of the window; 0 for a party that was not measured."""
        used = self.usage.get(party)
        return used.cpu_seconds / self.seconds if used else 0.0

    @property
    def generators(self) -> Mapping[str, float]:
        """Cores used by the load generator on each host."""
        own = [process for process in self.processes if process.party == "generator"]
        used = dict.fromkeys((process.host for process in own), 0.0)
        for process in own:
            used[process.host] += process.during("cpu_seconds", 0, self.seconds) / self.seconds
        return used

    @property
    def mix(self) -> Mapping[str, float]:
        """The share of each of `ROLES` in the window's requests."""
        shares = dict.fromkeys(ROLES, 0.0)
        for operation in self.operations[1:]:
            shares[operation.role] += operation.requests / self.total.requests
        return shares

    @property
    def restarts(self) -> int:
        """Server processes that ended, before the load's end, after having been seen."""
        return len(self._ends)

    @property
    def replaced(self) -> int:
        """Server processes that came once one of them had ended."""
        first = min(self._ends, default=math.inf)
        return sum(1 for process in self._lasting if process.at[0] >= first)

    @property
    def _ends(self) -> list[float]:
        ends = (process.at[-1] for process in self._lasting)
        return [end for end in ends if end < self._last]

    @property
    def _last(self) -> float:
        seen = max((process.at[-1] for process in self.servers), default=0.0)
        return min(seen, self.seconds)

    @property
    def _lasting(self) -> list[Process]:
        """The server's processes but for those that somebody's service runs for a moment each.

        A program that is started for one request is seen by chance, and none that was lost.
        """
        return [
            one
            for one in self.servers
            if not self.is_foreign or one.at[-1] >= self._last or one.at[-1] - one.at[0] > MOMENT
        ]

    @property
    def servers(self) -> list[Process]:
        """The processes of the server; the first one is that which started the others."""
        return [process for process in self.processes if process.party == "server"]
