"""compose.yaml: what docker would run is what the code, the images and the load expect."""

import os
import re
import subprocess
from urllib.parse import urlsplit

import pytest

from lab import ROOT
from tests.deploy.places import DEBIAN_13, PEERS_NAMES, drain, first, instructions, read
from tests.test_layout import read_names

COMPOSE = read("compose.yaml")
SERVICES = COMPOSE["services"]
IMPLEMENTATIONS = ("items", "fastapi", "items-pooled")


def docker_compose() -> list[str] | None:
    found = DEBIAN_13 / "usr/libexec/docker/cli-plugins/docker-compose"
    for command in (["docker", "compose"], [str(found)]):
        try:
            if subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
                continue
        except OSError:
            continue
        return command
    return None


@pytest.mark.skipif(docker_compose() is None, reason="docker compose is not installed")
def test_docker_compose_takes_it_and_leaves_the_pooler_to_its_profile():
    def services(*options: str) -> set[str]:
        said = subprocess.run(
            [*(docker_compose() or ()), *options, "config", "--services"], cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": "/tmp"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (said.returncode, said.stderr) == (0, "")
        return set(said.stdout.split())

    assert services("--profile", "pgbouncer") == set(SERVICES)
    assert set(SERVICES) - services() == {"pgbouncer", "items-pooled"}


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_every_implementation_has_one_cpu_512_mb_and_a_read_only_file_system(name):
    service = SERVICES[name]
    assert (service["cpus"], service["mem_limit"], service["read_only"]) == (1, "512m", True)
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize(("name", "known"), [
    ("items", read_names()), ("items-pooled", read_names()), ("migrate", read_names()),
    ("fastapi", PEERS_NAMES),
])  # fmt: skip
def test_every_variable_is_one_that_the_code_reads(name, known):
    assert set(SERVICES[name]["environment"]) <= known


def test_the_variables_of_the_peer_are_read_by_its_code():
    code = "".join(path.read_text() for path in (ROOT / "peers").rglob("*.py"))
    assert all(f'"{name}"' in code for name in SERVICES["fastapi"]["environment"])


@pytest.mark.parametrize("name", [*IMPLEMENTATIONS, "migrate"])
def test_the_database_is_one_of_the_services_with_the_user_and_name_it_was_made_with(name):
    url = urlsplit(SERVICES[name]["environment"]["DATABASE_URL"])
    made = SERVICES["db"]["environment"]
    assert url.hostname in SERVICES[name]["depends_on"] or url.hostname == "db"
    assert (url.username, url.password, url.path) == (
        made["POSTGRES_USER"], made["POSTGRES_PASSWORD"], f"/{made['POSTGRES_DB']}"
    )  # fmt: skip


def test_the_secret_that_stands_in_is_long_enough_to_start():
    secret = SERVICES["items"]["environment"]["DJANGO_SECRET_KEY"]
    assert len(first(r"^\$\{DJANGO_SECRET_KEY:-(.+)\}$", secret)) >= 50


def test_data_lies_where_postgresql_18_keeps_it():
    assert SERVICES["db"]["image"] == "postgres:18"
    assert SERVICES["db"]["volumes"] == ["database:/var/lib/postgresql"]
    assert set(COMPOSE["volumes"]) == {"database"}


def test_the_load_may_aim_at_every_implementation_and_they_answer_to_that_name():
    hosts = SERVICES["items"]["environment"]["DJANGO_ALLOWED_HOSTS"].split(",")
    aimed = re.findall(r"http://([a-z-]+):(\d+)", (ROOT / "compose.yaml").read_text())
    for host, port in {(h, p) for h, p in aimed if h != "localhost"}:
        assert SERVICES[host]["ports"][0].endswith(f":{port}")
        assert host in hosts or host == "fastapi"
    assert {host for host, _ in aimed} >= set(IMPLEMENTATIONS)


def test_everything_listens_on_this_machine_only_and_at_the_ports_of_the_images():
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")
            exposed = " ".join(instructions(service["image"], "EXPOSE"))
            assert port.rpartition(":")[2] in exposed.split(), name


def test_whoever_is_waited_for_to_be_healthy_says_when_it_is():
    for service in SERVICES.values():
        waited = service.get("depends_on", {})
        for name, how in waited.items() if isinstance(waited, dict) else ():
            if how["condition"] == "service_healthy":
                awaited = SERVICES[name]
                assert "healthcheck" in awaited or instructions(awaited["image"], "HEALTHCHECK")


def test_workers_of_the_load_find_their_master_and_can_be_many():
    worker = SERVICES["locust-worker"]
    assert "--master-host=locust" in worker["command"]
    assert worker["deploy"]["replicas"] == 2
    assert not {"ports", "container_name"} & set(worker)


def test_everything_comes_back_after_a_crash_but_the_migration():
    restarts = {name: service["restart"] for name, service in SERVICES.items()}
    assert restarts.pop("migrate") == "no"
    assert set(restarts.values()) == {"unless-stopped"}


@pytest.mark.parametrize("name", ["locust", "locust-worker"])
def test_the_load_cannot_take_the_machine_from_what_it_measures(name):
    assert (SERVICES[name]["cpus"], SERVICES[name]["mem_limit"]) == (1, "512m")


def test_more_time_to_stop_than_the_drain_takes():
    for name in IMPLEMENTATIONS:
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > drain()
