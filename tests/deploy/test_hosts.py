"""Several hosts: what happens to one of them loses nothing that was acknowledged."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from tests.deploy.hosts import may_make_hosts
from tests.deploy.site import Site, haproxy, requests_of, site

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(not may_make_hosts(), reason="network namespaces need root and iproute2"),
    pytest.mark.skipif(haproxy() is None, reason="haproxy is not installed"),
]
OUT_OF_BALANCE = 0.5  # seconds in which requests under way at a drained instance end
NOTICED = 1.0  # seconds in which HAProxy takes a dead instance out


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    folder.chmod(0o755)
    with site(folder) as built:
        yield built


def test_a_rolling_restart_fails_no_request(whole):
    with whole.users() as users:
        time.sleep(1)
        for name in ("web1", "web2"):
            whole.balance(name, "drain")
            time.sleep(OUT_OF_BALANCE)
            assert whole.stop(name) == 0
            whole.start(name)
            whole.balance(name, "ready")
            time.sleep(NOTICED)
    assert users.failures() == []
    assert users.wrong == []
    assert users.ledger.acknowledged > 100


def test_a_lost_instance_costs_the_requests_it_had_in_hand_and_no_write(whole):
    with whole.users() as users:
        time.sleep(1)
        lost = time.monotonic()
        whole.lose("web1")
        time.sleep(2)
        whole.start("web1")
        time.sleep(NOTICED)
    assert len(users.failures()) <= 2 * 6  # of six users: one in hand, and one sent to the dead
    assert users.failures(since=lost + NOTICED) == []
    assert users.wrong == []
    assert users.ledger.acknowledged > 100


@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_a_database_that_cannot_be_reached_is_503_and_back_within_2_seconds(whole, seconds):
    with whole.users() as users:
        time.sleep(1)
        whole.network.unplug(whole.hosts["db"])
        time.sleep(seconds)
        whole.network.plug_in_again(whole.hosts["db"])
        back = time.monotonic()
        time.sleep(3)
    said = {failure.split()[1] for failure in users.failures()}
    assert said <= {"503", "504"}
    assert users.failures(since=back + 2) == []
    assert users.wrong == []
    assert users.ledger.acknowledged > 100


def test_a_lost_worker_of_the_load_does_not_end_it(whole, tmp_path):
    load = whole.hosts["load"]
    locust = (sys.executable, "-m", "locust")
    leading = (
        *locust, "--master", "--headless", "--expect-workers", 2, "--users", 8, "--spawn-rate", 8,
        "--run-time", "14s", "--host", whole.url, "--think-time", 0.05, "--master-bind-host", "*",
    )  # fmt: skip
    following = (*locust, "--worker", "--master-host", load.address)
    with (
        load.running(leading, tmp_path / "master.log") as master,
        whole.hosts["load1"].running(following, tmp_path / "load1.log") as first,
        whole.hosts["load2"].running(following, tmp_path / "load2.log"),
    ):
        wait_until_said(tmp_path / "master.log", "Sending spawn jobs")
        time.sleep(3)  # seconds, of 14
        os.killpg(first.pid, signal.SIGKILL)
        code = master.wait(40)
        said = (tmp_path / "master.log").read_text()
    assert code == 0, said[-2000:]
    requests, failures = requests_of(said)
    assert failures == 0
    assert requests > 100
    assert "failed to send heartbeat" in said


def wait_until_said(log, words: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)
