"""The load meets the real services: both sides count the same requests and rows."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.management import call_command

from crud.models import Item
from lab.experiments.targets import TARGETS
from lab.running.servers import Server, serving
from tests.load.conftest import Outcome, finish, start_headless
from tests.load.log_reader import read_log

Row = dict[str, str]
# Enough that five loads on one table seldom read what another one has just deleted.
SEEDED = 2000
ALL = [name for name, target in TARGETS.items() if not target.lacking()]


@pytest.mark.parametrize(
    "names", [("django", "fastapi-asyncpg"), pytest.param(ALL, marks=pytest.mark.torture)]
)
@pytest.mark.django_db(transaction=True)
def test_services_answer_what_the_load_counts(
    names: Sequence[str], database_url: str, tmp_path: Path
) -> None:
    call_command("seed", rows=SEEDED, yes=True)
    runs, servers = run_all(names, database_url, tmp_path)
    rows = {name: list(read_log(tmp_path / f"{name}.csv")) for name in names}
    for name, run in runs.items():
        assert run.code == 0, run.err
        assert {row["served_by"].split("/")[0] for row in rows[name]} == {name}
        assert served(rows[name])["POST 201"] >= 3
    total = sum((served(of) for of in rows.values()), Counter[str]())
    assert Item.objects.count() == SEEDED + total["POST 201"] - total["DELETE 204"]
    # The list is asked for twice more: by the one who waited for the server, and for its ids.
    assert logged(servers["django"]) == served(rows["django"]) + Counter({"GET 200": 2})


def run_all(
    names: Sequence[str], database_url: str, logs: Path
) -> tuple[dict[str, Outcome], dict[str, Server]]:
    runs, servers = {}, {}
    with ExitStack() as running:
        targets = {name: TARGETS[name] for name in names}
        for name, target in targets.items():
            server = serving(
                target, database_url, log=logs / f"{name}.log", env={"LOG_LEVEL": "INFO"}
            )
            servers[name] = running.enter_context(server)
        for name, target in targets.items():
            rows = ("--seeded-rows", SEEDED)
            aim = (*target.load, *rows, "--request-log", logs / f"{name}.csv")
            runs[name] = start_headless(servers[name].url, "-u", 8, "-r", 8, *aim)
        return {name: finish(run) for name, run in runs.items()}, servers


def served(rows: list[Row]) -> Counter[str]:
    """How often each method got each status, as the load saw it."""
    return Counter(f"{row['operation'].split()[0]} {row['status']}" for row in rows)


def logged(server: Server) -> Counter[str]:
    """The same, as the service saw it."""
    assert server.program is not None
    lines = (json.loads(line) for line in server.program.log.read_text().splitlines())
    requests = (line for line in lines if line["logger"] == "project.requests")
    return Counter(f"{line['method']} {line['status']}" for line in requests)
