"""deploy/cloudrun: the arithmetic of the comments holds, and names are those of the code."""

import inspect
import re

import pytest
from django.core.management import get_commands
from gunicorn import config

from drf_speedups.server import container
from project.management.commands.clear_idempotency_keys import PATIENCE
from tests.deploy.places import DEPLOY, connections_of_a_worker, drain, first, instructions, read
from tests.test_layout import read_names

TEXT = (DEPLOY / "cloudrun" / "service.yaml").read_text()
SERVICE = read("deploy", "cloudrun", "service.yaml")["spec"]["template"]
JOB = read("deploy", "cloudrun", "migrate.yaml")["spec"]["template"]
ANNOTATIONS = SERVICE["metadata"]["annotations"]
(CONTAINER,) = SERVICE["spec"]["containers"]
(MIGRATION,) = JOB["spec"]["template"]["spec"]["containers"]
CLEARING = read("deploy", "cloudrun", "upkeep.yaml")["spec"]["template"]["spec"]["template"]["spec"]
(UPKEEP,) = CLEARING["containers"]
ALL = pytest.mark.parametrize(
    "container", [CONTAINER, MIGRATION, UPKEEP], ids=["service", "migration", "upkeep"]
)
MOST_OF_CLOUD_RUN = 1000  # requests in one instance
GRACE = 10  # seconds that Cloud Run gives after SIGTERM
REQUIRED = {"DATABASE_URL", "DJANGO_SECRET_KEY", "DJANGO_ALLOWED_HOSTS"}


def env(container) -> dict[str, str | None]:
    return {one["name"]: one.get("value") for one in container["env"]}


def test_an_instance_is_the_articles_box():
    assert CONTAINER["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert ANNOTATIONS["run.googleapis.com/startup-cpu-boost"] == "true"


def test_the_concurrency_is_the_product_that_its_comment_says():
    factors = first(r"#\s+(\d+ requests/s x [\d.]+ s = \d+)$", TEXT)
    throughput, seconds, product = (float(number) for number in re.findall(r"[\d.]+", factors))
    assert throughput * seconds == product == SERVICE["spec"]["containerConcurrency"]
    assert product <= MOST_OF_CLOUD_RUN
    assert seconds < 1  # what waits that long is refused: MAX_WAIT_SECONDS


def test_all_instances_of_two_revisions_fit_into_the_database():
    line = first(r"#\s+(2 x \d+ instances .+ reserved)$", TEXT)
    revisions, instances, workers, each, needed, room, most, reserved = (
        int(number) for number in re.findall(r"\d+", line)
    )
    assert revisions * instances * workers * each == needed <= room == most - reserved
    assert ANNOTATIONS["autoscaling.knative.dev/maxScale"] == str(instances)
    assert env(CONTAINER)["WEB_CONCURRENCY"] == str(workers)
    assert each == connections_of_a_worker(env(CONTAINER))


def test_as_many_workers_as_the_memory_holds(monkeypatch):
    monkeypatch.setattr(container, "cpus", lambda: 1.0)
    monkeypatch.setattr(container, "memory", lambda: 512 * 2**20)
    assert int(env(CONTAINER)["WEB_CONCURRENCY"] or 0) <= container.default_workers()


def test_the_port_is_the_images_and_the_probes_ask_where_the_service_answers():
    (port,) = CONTAINER["ports"]
    assert [str(port["containerPort"])] == instructions("items", "EXPOSE")
    assert CONTAINER["startupProbe"]["httpGet"] == {"path": "/readyz", "port": 8000}
    assert CONTAINER["livenessProbe"]["httpGet"] == {"path": "/livez", "port": 8000}


def test_an_instance_drains_before_it_is_killed():
    assert drain() < GRACE


@ALL
def test_every_variable_is_read_and_none_that_production_wants_is_missing(container):
    names = set(env(container))
    assert "FORWARDED_ALLOW_IPS" in inspect.getsource(config)  # gunicorn reads it
    assert names <= read_names() | {"FORWARDED_ALLOW_IPS"}
    assert names >= REQUIRED
    assert "API_KEYS" in names or env(container)["API_AUTH"] == "none"


@ALL
def test_secrets_stand_in_secret_manager(container):
    for one in container["env"]:
        secret = one["name"] in {"DATABASE_URL", "DJANGO_SECRET_KEY", "API_KEYS"}
        assert ("valueFrom" in one) is secret
        if secret:
            created = f"gcloud secrets create {one['valueFrom']['secretKeyRef']['name']} "
            assert created in (DEPLOY / "cloudrun" / "README.md").read_text()


def test_the_migration_runs_the_image_of_the_service_once():
    assert MIGRATION["image"] == CONTAINER["image"]
    assert [*MIGRATION["command"], *MIGRATION["args"]] == ["python", "manage.py", "migrate"]
    assert (JOB["spec"]["taskCount"], JOB["spec"]["template"]["spec"]["maxRetries"]) == (1, 0)


def test_the_upkeep_runs_the_image_of_the_service_and_ends_by_itself():
    assert UPKEEP["image"] == CONTAINER["image"]
    assert UPKEEP["command"] == ["python", "manage.py"]
    (command,) = UPKEEP["args"]
    assert command in get_commands()
    assert CLEARING["timeoutSeconds"] > PATIENCE
    readme = (DEPLOY / "cloudrun" / "README.md").read_text()
    assert "jobs/items-upkeep:run" in readme
    assert "gcloud run jobs replace deploy/cloudrun/upkeep.yaml" in readme
