"""A load from several hosts on several hosts: start all, send it, take everything down."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from lab.errors import LabError
from lab.records.conditions import Conditions
from lab.running.hosts.inventory import Host, Hosts, Role
from lab.running.hosts.remote import Agent, Line, Reported, agent
from lab.running.load import (
    SPARE_SECONDS,
    Requests,
    Tail,
    environment,
    locust_options,
    merged,
    read_requests,
)
from lab.running.monitoring import (
    SAMPLE_SECONDS,
    Files,
    Loaded,
    Watch,
    complaints,
    keep,
    refuse_wrong_options,
)

PATIENCE = 60.0  # seconds until a started service answers, and for the load to end
ASK = """
import sys, urllib.request, urllib.error
try: print(urllib.request.urlopen({url!r}, timeout=2).status)
except urllib.error.HTTPError as error: print(error.code)
except OSError as error: print(error)
"""


def load_from(
    hosts: Hosts,
    conditions: Conditions,
    options: Sequence[str],
    files: Files,
    scratch: Path,
    watch: Watch,
) -> tuple[Loaded, Reported]:
    """Start what is to be started, send the load from its hosts, take all down; return what was.

    `options` are more of locust/locustfile.py; `watch` is called each second. Raises `LabError`.
    """
    with ExitStack() as stack:

        def begin(host: Host, *words: str) -> Agent:
            env = environment() if host.role.is_load else {}
            return stack.enter_context(agent(host, words, scratch, env))

        started = hosts.of(Role.DATABASE) + hosts.of(Role.SERVICE)
        served = [begin(host, *_served(host, conditions)) for host in started]
        _wait_until_it_answers(hosts, served)
        workers = hosts.of(Role.LOAD_WORKER)
        master = begin(hosts.master, *_leading(hosts, conditions, len(workers), options))
        following = [begin(host, *_following(host, hosts.master)) for host in workers]
        limit = conditions.warm_up + conditions.seconds + SPARE_SECONDS + PATIENCE
        _watch(master, served, Tail(files.requests), watch, limit)
        _wait_for_the_end(following)
        reported = Reported([*served, master, *following])
        (end,) = [line for line in master.lines() if "exit" in line]
        loaded = Loaded(_requests(following, files), reported, complaints(end["said"]))
    return loaded, reported


def _served(host: Host, conditions: Conditions) -> list[str]:
    start = host.start
    for name in ("workers", "threads"):  # not str.format: the line has braces of its own
        start = start.replace(f"{{{name}}}", str(getattr(conditions, name)))
    return ["sh", "-c", start] if start else []


def _locust(host: Host) -> list[str]:
    place = f"{host.project}/locust"
    return [host.python, "-m", "locust", "--config", f"{host.project}/locust.conf",
            "--locustfile", f"{place}/locustfile.py"]  # fmt: skip


def _leading(
    hosts: Hosts, conditions: Conditions, workers: int, options: Sequence[str]
) -> list[str]:
    # Each worker writes its requests into a folder of its own: the path has to be relative.
    return [
        *_locust(hosts.master), *locust_options(hosts.url, conditions, seeded=False),
        "--headless", "--master", "--master-bind-host", "*", "--expect-workers", str(workers),
        "--request-log", "requests.csv", *options,
    ]  # fmt: skip


def _following(host: Host, master: Host) -> list[str]:
    return [*_locust(host), "--worker", "--master-host", master.address]


def _wait_until_it_answers(hosts: Hosts, served: Sequence[Agent]) -> None:
    """Ask from the host that will lead the load: the lab itself need not reach the service."""
    deadline, text = time.monotonic() + PATIENCE, ASK.format(url=hosts.url + hosts.ready)
    command = [*hosts.master.prefix, "python3", "-"]
    while (said := _asked(command, text)) != "200":
        _refuse_what_ended(served)
        if time.monotonic() > deadline:
            raise LabError(
                f"GET {hosts.ready} at {hosts.url} is not answered with 200 on host "
                f"{hosts.master.name}: {said}"
            )
        time.sleep(0.1)


def _asked(command: Sequence[str], text: str) -> str:
    """Return the status that was answered, or what went wrong."""
    try:
        said = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (said.stdout or said.stderr).strip()


def _refuse_what_ended(served: Sequence[Agent]) -> None:
    for one in served:
        if end := one.end():
            raise LabError(
                f"the {one.host.role} on host {one.host.name} ended with exit code {end['exit']}; "
                f"its last lines:\n{end['said']}"
            )


def _watch(
    master: Agent, served: Sequence[Agent], tail: Tail, watch: Watch, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while (end := master.end()) is None:
        _refuse_what_ended(served)
        if time.monotonic() > deadline:
            raise LabError(f"the load's master on host {master.host.name} does not stop")
        watch(tail.news())
        master.program.wait(SAMPLE_SECONDS)
    _refuse_failed_load(master, end)


def _refuse_failed_load(one: Agent, end: Line | None) -> None:
    # 1 is a breach that becomes a doubt, as in lab/running/monitoring.py.
    if end and end["exit"] not in (0, 1):
        refuse_wrong_options(end["said"])
        raise LabError(
            f"the {one.host.role} on host {one.host.name} ended with exit code {end['exit']}; its "
            f"last lines:\n{end['said']}"
        )


def _wait_for_the_end(following: Sequence[Agent]) -> None:
    deadline = time.monotonic() + PATIENCE
    for one in following:
        while one.program.exit_code() is None:  # its requests follow its end
            if time.monotonic() > deadline:
                raise LabError(f"the load's worker on host {one.host.name} does not stop")
            time.sleep(0.05)
        _refuse_failed_load(one, one.end())


def _requests(following: Sequence[Agent], files: Files) -> Requests:
    parts = []
    for one in following:
        for text in one.files().values():
            files.requests.write_bytes(text)
            parts.append(read_requests(files.requests))
            own = files.kept.name.replace("-requests", f"-{one.host.name}-requests")
            keep(files.requests, files.kept.with_name(own))
    if not parts:
        raise LabError("no host sent a request: see the load's output")
    return merged(parts)
