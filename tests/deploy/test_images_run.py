"""The images, built and run by hand: read-only, not root, in the article's box."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab import ROOT
from lab.running.caps import Cores, enforced
from lab.running.processes import Program, program
from tests.deploy.image import BASE, Build, Image
from tests.deploy.places import DOCKERFILES, drain
from tests.faults.cluster import Cluster, cluster
from tests.project.production import PRODUCTION

pytestmark = [
    pytest.mark.torture,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(BASE.excuse), reason=BASE.excuse),
]
MIB = 2**20
NOWHERE_ELSE = Cores((), (), ())


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    with cluster("images") as made:
        yield made


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> dict[str, Image]:
    BASE.unpack()
    return {
        name: Build(ROOT, tmp_path_factory.mktemp(name)).follow(DOCKERFILES[name])
        for name in ("items", "items-fastapi", "items-locust")
    }


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, started: Program) -> httpx.Response:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert started.exit_code() is None, started.last_lines()
        try:
            if (answer := httpx.get(url, timeout=5)).status_code == 200:
                return answer
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(started.last_lines())


def checks_its_health(image: Image, port: int) -> int:
    words = image.words(*image.health, env={"PORT": str(port)})
    return subprocess.run(words, check=False, capture_output=True).returncode


def test_the_service_serves_from_a_read_only_root_in_its_box_and_drains(
    images, own_cluster, port, tmp_path
):
    image, sockets = images["items"], own_cluster.server.socket_folder
    env = PRODUCTION | {"DATABASE_URL": own_cluster.url, "PORT": str(port), "API_AUTH": "none"}
    words = image.contained(outside=sockets, **env)
    with (
        enforced(NOWHERE_ELSE, cpus=1, memory=512 * MIB) as box,
        program(words, log=tmp_path / "log", env={}, placement=box.placement) as started,
    ):
        here = f"http://127.0.0.1:{port}"
        assert wait_for(f"{here}/readyz", started).json() == {"status": "ready"}
        assert httpx.get(f"{here}/docs/").status_code == 200
        for number in range(200):
            made = httpx.post(f"{here}/items/", json={"name": f"item {number}", "price": "1"})
            assert made.status_code == 201
        assert checks_its_health(image, port) == 0
        assert checks_its_health(image, 1) != 0
        # The master is what the image's CMD names: nothing is between it and the signal.
        assert b"gunicorn" in Path(f"/proc/{started.pid}/cmdline").read_bytes()
        assert {line.split()[1] for line in Path(f"/proc/{started.pid}/status").read_text()
                .splitlines() if line.startswith(("Uid", "Gid"))} == {"65534"}  # fmt: skip
        peak = box.memory_peak
        begun = time.monotonic()
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait(15) == 0
        assert time.monotonic() - begun < drain() + 1
    assert box.holds["memory"] is not False
    added = image.size("/venv", "/app")
    memory, size = (peak or 0) / MIB, added / MIB
    print(f"{memory:.0f} of 512 MiB used, {size:.0f} MiB beside the base")  # noqa: T201
    assert peak is None or peak < 512 * MIB
    assert added < 150 * MIB


@pytest.mark.parametrize("name", ["items", "items-fastapi", "items-locust"])
def test_nothing_can_be_written_but_temporary_files(images, name):
    image = images[name]
    for path, allowed in (("/tmp/x", True), ("/app/x", False), ("/venv/x", False), ("/x", False)):
        done = subprocess.run(image.contained("touch", path), check=False, capture_output=True)
        assert (done.returncode == 0) is allowed, path


def test_the_fastapi_version_and_the_load_run_from_their_images(
    images, own_cluster, port, tmp_path
):
    api, load = images["items-fastapi"], images["items-locust"]
    sockets = own_cluster.server.socket_folder
    env = {"DATABASE_URL": own_cluster.url, "PORT": str(port), "WEB_CONCURRENCY": "1"}
    words = api.contained(outside=sockets, **env)
    with program(words, log=tmp_path / "log", env={}) as started:
        wait_for(f"http://127.0.0.1:{port}/items?limit=1", started)
        assert checks_its_health(api, port) == 0
        options = ("--headless", "--users=2", "--spawn-rate=2", "--run-time=3s",
                   f"--host=http://127.0.0.1:{port}")  # fmt: skip
        done = subprocess.run(
            load.contained(*load.entrypoint, *options), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert "/items/[id]" in done.stderr + done.stdout
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait(15) in {0, -signal.SIGTERM}


def test_an_image_without_its_settings_ends_with_one_line(images):
    done = subprocess.run(images["items"].contained(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("DJANGO_SECRET_KEY needs at least 50 characters")
