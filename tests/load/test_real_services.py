"""The load meets the real services: both sides count the same requests and rows."""

import json
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command

from crud.models import Item
from lab.experiments.targets import TARGETS
from tests.forks import serving
from tests.load.conftest import finish, start_headless
from tests.load.log_reader import read_log

Row = dict[str, str]
SEEDED = 2000
OFTEN = ("django", "fastapi-asyncpg")
OTHERS = [one for one in TARGETS if one not in OFTEN and not TARGETS[one].lacking()]


@pytest.mark.parametrize(
    "name", [*OFTEN, *(pytest.param(one, marks=pytest.mark.torture) for one in OTHERS)]
)
@pytest.mark.django_db(transaction=True)
def test_a_service_answers_what_the_load_counts(
    name: str, database_url: str, tmp_path: Path
) -> None:
    call_command("seed", rows=SEEDED, yes=True)
    requests, log = tmp_path / "requests.csv", tmp_path / "server.log"
    with serving(TARGETS[name], database_url, log=log, env={"LOG_LEVEL": "INFO"}) as server:
        aim = (*TARGETS[name].load, "--seeded-rows", SEEDED, "--request-log", requests)
        run = finish(start_headless(server.url, "-u", 8, "-r", 8, *aim))
    assert run.code == 0, run.err
    rows = list(read_log(requests))
    counted = served(rows)
    assert {row["served_by"].split("/")[0] for row in rows} == {name}
    assert counted["POST 201"] >= 3
    assert Item.objects.count() == SEEDED + counted["POST 201"] - counted["DELETE 204"]
    if name == "django":
        # The list is asked for twice more: by the one who waited for the server, and for its ids.
        assert logged(log) == counted + Counter({"GET 200": 2})


def served(rows: list[Row]) -> Counter[str]:
    """How often each method got each status, as the load saw it."""
    return Counter(f"{row['operation'].split()[0]} {row['status']}" for row in rows)


def logged(log: Path) -> Counter[str]:
    """The same, as the service saw it."""
    lines = (json.loads(line) for line in log.read_text().splitlines())
    requests = (line for line in lines if line["logger"] == "project.requests")
    return Counter(f"{line['method']} {line['status']}" for line in requests)
