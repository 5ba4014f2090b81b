"""Whatever happens to the processes: only what a killed one had in hand stays unanswered."""

import pytest

from tests.faults.memory import capped, may_cap, out_of_memory
from tests.faults.processes import (
    HUNG,
    HURRIED,
    KILLED,
    RELOADED,
    REPLACED,
    RESTARTING,
    stop_under_load,
)  # fmt: skip
from tests.faults.stage import BUFFERED, GTHREAD, WORKER_CLASSES, staged, survive


def assert_kept(outcome):
    assert outcome.lost == []
    assert outcome.broken == []
    assert outcome.acknowledged > 20


@pytest.mark.parametrize("fault", [KILLED, RELOADED], ids=lambda fault: fault.name)
def test_a_fault_of_a_process_loses_nothing(fault, buffered):
    assert_kept(survive(fault, buffered))


def test_a_killed_process_of_threads_loses_nothing_either(gthread):
    assert_kept(survive(KILLED, gthread))


@pytest.mark.parametrize(("fault", "arguments"), [
    pytest.param(HUNG, HURRIED, marks=pytest.mark.torture), (REPLACED, RESTARTING),
])  # fmt: skip
def test_a_worker_that_hangs_or_has_served_enough_is_replaced(
    own_cluster, tmp_path, fault, arguments
):
    log = tmp_path / "log"
    with staged(own_cluster, BUFFERED, log, env={"GUNICORN_CMD_ARGS": arguments}) as stage:
        assert_kept(survive(fault, stage))


@pytest.mark.parametrize("kind", ["buffered", pytest.param("gthread", marks=pytest.mark.torture)])
def test_sigterm_leaves_no_accepted_request_without_an_answer(own_cluster, tmp_path, kind):
    with staged(own_cluster, WORKER_CLASSES[kind], tmp_path / "log") as stage:
        assert_kept(stop_under_load(stage, kind))


@pytest.mark.torture
@pytest.mark.skipif(not may_cap(), reason="only root may cap the memory of a service")
def test_a_worker_killed_for_want_of_memory_loses_nothing(own_cluster, tmp_path):
    log = tmp_path / "log"
    with capped() as placement, staged(own_cluster, GTHREAD, log, placement=placement) as stage:
        assert_kept(survive(out_of_memory(placement), stage))
