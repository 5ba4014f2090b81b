"""Programs on other hosts: started there, watched there, and what their agents reported."""

import base64
import contextlib
import json
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab import ROOT
from lab.errors import LabError
from lab.records.usage import Counters, Process
from lab.running.hosts.inventory import Host
from lab.running.processes import Program, program
from lab.running.sampling import Party

PATIENCE = 20.0  # seconds until a host answers
MOST_SKEW = 1.0  # seconds that clocks may differ: its samples and requests are put side by side
FILE = '{"file"'  # how such a report begins; it may be long
SENT = ("lab.running.procfs", "lab.running.hosts.agent")  # the last one is run
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Agent:
    """`lab/running/hosts/agent.py` at work on a host; its log is what it reports."""

    host: Host
    program: Program

    def lines(self) -> list[Line]:
        """Return all reports so far, files excepted."""
        return [json.loads(line) for line in self._whole() if not line.startswith(FILE)]

    def _whole(self) -> list[str]:
        written = self.program.log.read_text(encoding="utf-8", errors="replace").splitlines(True)
        return [line for line in written if line[0] == "{" and line[-1] == "\n"]

    @property
    def hello(self) -> Line:
        """What the host said about itself."""
        found: Line = self.lines()[0]["hello"]
        return found

    def end(self) -> Line | None:
        """Return how its program ended; None while it runs. Raises `LabError` for a lost host."""
        found = next((line for line in self.lines() if "exit" in line), None)
        if found is None and self.program.exit_code() is not None:
            raise LabError(f"host {self.host.name} was lost: {self.program.last_lines(1)}")
        return found

    def files(self) -> dict[str, bytes]:
        """Return the files that its program wrote."""
        found = (json.loads(line) for line in self._whole() if line.startswith(FILE))
        return {line["file"]: zlib.decompress(base64.b64decode(line["data"])) for line in found}


@contextlib.contextmanager
def agent(
    host: Host, words: Sequence[str], scratch: Path, env: Mapping[str, str] | None = None
) -> Iterator[Agent]:
    """Run words on a host (none: watch what its pid file names) until the block ends.

    `env` is added to the environment there.

    Raises `LabError` when the host cannot be reached or its clock is off.
    """
    sent, log = scratch / f"{host.name}.py", scratch / f"{host.name}.jsonl"
    config = {"words": list(words), "pid_file": host.pid_file, "env": dict(env or {})}
    sent.touch(mode=0o600)  # it may hold a key
    sent.write_text(text(config), encoding="utf-8")
    log.unlink(missing_ok=True)
    command = [*host.prefix, "python3", "-u", "-"]
    with program(command, log=log, env={}, reading=sent) as started:
        found = Agent(host, started)
        _wait_until_it_reports(found)
        yield found


def text(config: Mapping[str, Any]) -> str:
    """Return the agent as one program, with the modules it needs."""
    modules = {name: Path(ROOT, *name.split(".")).with_suffix(".py").read_text("utf-8")
               for name in SENT}  # fmt: skip
    return (
        "import sys, types\n"
        "for name in ('lab', 'lab.running'):\n"
        "    sys.modules[name] = package = types.ModuleType(name)\n"
        f"for name, text in {modules!r}.items():\n"
        "    sys.modules[name] = module = types.ModuleType(name)\n"
        "    setattr(package, name.rpartition('.')[2], module)\n"
        "    exec(text, module.__dict__)\n"
        f"module.main({config!r})\n"
    )


def _wait_until_it_reports(found: Agent) -> None:
    host, deadline = found.host, time.monotonic() + PATIENCE
    while not (lines := found.lines()):
        if found.program.exit_code() is not None or time.monotonic() > deadline:
            raise LabError(
                f"host {host.name} cannot be reached by `{host.run or 'python3'}`: "
                f"{found.program.last_lines(1)}"
            )
        time.sleep(0.02)
    if abs(skew := lines[0]["at"] - time.time()) > MOST_SKEW:
        raise LabError(f"the clock of host {host.name} is {skew:+.1f} s off: synchronise it (NTP)")


@dataclass(frozen=True)
class Reported:
    """What all agents sampled, as a `lab.running.sampling.Samples`."""

    agents: Sequence[Agent]

    @property
    def parties(self) -> dict[str, Party]:
        """Who took part, and on which cores: those of a second machine follow the first one's."""
        cores = self._cores()
        found: dict[str, set[int]] = {}
        for one in self.agents:
            found.setdefault(one.host.role.party, set()).update(cores[one.hello["booted"]])
        return {party: Party(0, tuple(sorted(all_of))) for party, all_of in found.items()}

    def _cores(self) -> dict[str, range]:
        found: dict[str, range] = {}
        for one in self.agents:
            first = sum(map(len, found.values()))
            found.setdefault(one.hello["booted"], range(first, first + one.hello["cores"]))
        return found

    def facts(self) -> dict[str, Any]:
        """Return all machines as one, and which host did what."""
        machines = {one.hello["booted"]: one.hello for one in self.agents}
        return {
            "cores": sum(hello["cores"] for hello in machines.values()),
            "memory": sum(hello["memory"] for hello in machines.values()),
            "hosts": {
                one.host.name: {
                    "role": str(one.host.role),
                    "cores": one.hello["cores"],
                    "memory": one.hello["memory"],
                    "kernel": one.hello["kernel"],
                }
                for one in self.agents
            },
        }

    def processes(self, begin: float) -> tuple[Process, ...]:
        """Return the processes of all hosts, with times since `begin`."""
        return tuple(process for one in self.agents for process in _processes(one, begin))

    def counters(self, begin: float) -> dict[str, Counters]:
        """Return what all machines worked together; hosts on one machine count once."""
        machines = {one.hello["booted"]: one for one in self.agents}
        samples = [[line for line in one.lines() if "machine" in line] for one in machines.values()]
        at = np.array([line["at"] for line in samples[0]])
        totals = {}
        for name in ("busy_seconds", "steal_seconds"):
            each = [
                np.interp(at, [line["at"] for line in one], [line["machine"][name] for line in one])
                for one in samples
            ]
            totals[name] = tuple(np.round(np.sum(each, axis=0), 2).tolist())
        return {"machine": Counters(tuple(np.round(at - begin, 3).tolist()), totals)}


def _processes(one: Agent, begin: float) -> Iterator[Process]:
    rows: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for line in one.lines():
        for pid, born, *rest in line.get("processes", ()):
            rows.setdefault((pid, born), []).append((round(line["at"] - begin, 3), *rest))
    for (pid, _), found in rows.items():
        at, name, spent, threads, voluntary, involuntary, pss = zip(*found, strict=True)
        yield Process(
            one.host.role.party, pid, name[0], at, spent, threads, voluntary, involuntary, pss,
            host=one.host.name,
        )  # fmt: skip
