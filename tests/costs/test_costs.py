"""The measurements of costs run, in small, and say what they found; the full ones take minutes."""

import os
import shutil
import signal
import sys

import pytest

from lab.errors import LabError
from lab.running.processes import program
from tests.costs import __main__ as command
from tests.costs import connections, instructions, limit, lists, memory, rows, start
from tests.costs.client import Clients
from tests.costs.shop.paths import PATHS
from tests.costs.stage import Found, staged
from tests.speedups.worker.serving import eventually, gunicorn

OURS: instructions.Cells = {"django": ("django", {})}


@pytest.fixture(scope="module")
def stage():
    with staged() as made:
        yield made


def row(found: Found, first: str, table: int = 0) -> dict[str, str]:
    """Return the row that begins so, by the names of its columns."""
    header, cells = found.tables[table].header, found.tables[table].rows
    return dict(zip(header, next(one for one in cells if one[0] == first), strict=True))


@pytest.mark.torture
def test_every_operation_costs_something_on_each_table(stage):
    found = rows.measured(stage, sizes=(100, 200), rounds=1, requests=4)
    for operation in rows.OPERATIONS:
        cells = row(found, operation)
        server, database = map(float, cells["200 rows"].split(" + "))
        assert 10 < server < 1_000_000
        assert 10 < database < 1_000_000
        assert float(cells["200 ÷ 100"]) > 0


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_lists_of_a_project_of_somebody_else_are_told_for_each_variant(stage):
    found = lists.measured(stage, rounds=1)
    for name in PATHS:
        for table in (0, 1):
            assert float(row(found, name, table=table)["ours / stock"].split()[0]) < 1.2


@pytest.mark.torture
def test_half_sent_requests_and_uneven_workers_are_seen(stage):
    found = connections.measured(stage, connections=40, repeats=1, requests=20)
    held = row(found, "django")["connections of each worker"].split("/")
    assert sum(map(int, held)) == 40
    assert connections.uneven([0, 4]) == float("inf")
    assert connections.uneven([4, 6]) == 1.5
    assert float(row(found, "p99 of the others, ms", table=1)["while they stay"]) > 0


@pytest.mark.torture
def test_memory_and_start_are_told_for_both(stage):
    cells = row(memory.measured(stage, (1,), 1, 20, 100), "1")
    assert all(10 < float(cells[f"{name}, MB"]) < 500 for name in (memory.OURS, memory.THEIRS))
    cells = row(start.measured(stage, (1,), 1), "1, CPU")
    assert all(0.1 < float(cells[name]) < 60 for name in (start.OURS, start.THEIRS))


def test_pgbench_sends_the_service_s_statements():
    sent = limit.statements()
    assert sent["retrieve"].count(":id") == sent["delete"].count(":id") == 1
    assert ":limit" in sent["list"]
    assert all(f":{name}" in sent["create"] for name in ("name", "price", "updated_at"))
    assert r"HH24\x3aMI\x3aSS" in sent["retrieve"]  # where a colon would begin a variable


@pytest.mark.torture
def test_pgbench_sets_the_limit(stage):
    cells = row(limit.measured(stage, (2,), (1,), repeats=1, seconds=1, rows=100), "2")
    assert float(cells["pgbench, /s"].replace(",", "")) > 0
    assert float(cells["1 worker, requests/s"].replace(",", "")) > 0
    assert cells["share of the limit"].endswith(" %")


@pytest.mark.torture
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
@pytest.mark.timeout(300)
def test_instructions_are_the_same_at_each_count(stage):
    counted = [
        float(row(instructions.measured(stage, OURS, {"r": "retrieve"}), "django")["r"])
        for _ in range(2)
    ]
    assert counted[0] == pytest.approx(counted[1], rel=0.02)


@pytest.mark.parametrize(("module", "missing", "said"), [
    (instructions, "valgrind", "install valgrind"), (limit, "pgbench", "requirements-dev.txt"),
])  # fmt: skip
def test_a_missing_program_is_named_before_anything_starts(monkeypatch, module, missing, said):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(LabError, match=f"there is no {missing}: .*{said}"):
        module.measured(None)


def test_an_unknown_part_is_refused_and_trouble_is_one_line(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["row"])
    assert ended.value.code == 2
    assert "there is no part row; known are rows, memory" in capsys.readouterr().err
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the tests' own stay
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert command.main(["start", "--into", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("costs: PostgreSQL cannot be reached: ")
    assert not [*tmp_path.iterdir()]


def test_ctrl_c_leaves_no_file_and_no_process(tmp_path):
    log = tmp_path / "log"
    words = (sys.executable, "-m", "tests.costs", "start", "--into", str(tmp_path / "into"))
    with program(words, log=log, env={}) as run:
        eventually((tmp_path / "into").exists)
        os.kill(run.pid, signal.SIGINT)
        assert run.wait(30) == 130
        assert run.last_lines() == "costs: stopped, and so is everything it started"
    assert not [*(tmp_path / "into").iterdir()]


def test_an_error_of_the_service_is_no_cost(tmp_path):
    with gunicorn(tmp_path) as ((host, port), _), Clients(f"http://{host}:{port}", 2) as clients:
        asked = [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"broken\r\n\r\n"]
        with pytest.raises(LabError, match=r"the service answered .*400"):
            clients.done(asked)
