"""deploy/kubernetes: valid by Kubernetes' own schemas, and everything named is there."""

import configparser
import copy
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml
from django.core.management import get_commands

from project.management.commands.clear_idempotency_keys import PATIENCE
from tests.deploy.manifests import (
    ALL,
    KUBERNETES,
    WORKLOADS,
    container,
    named,
    of_kind,
    pod,
    selected,
    the,
)
from tests.deploy.manifests import workload as workload_named
from tests.deploy.places import (
    DEPLOY,
    DOCKERFILES,
    connections_of_a_worker,
    drain,
    first,
    instructions,
)
from tests.test_layout import read_names

README = (KUBERNETES / "README.md").read_text()
VERSIONS = ("1.30.0", "1.37.0")  # the oldest that knows preStop.sleep, and the newest there is
GUNICORNS_OWN = {"FORWARDED_ALLOW_IPS"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", ALL, ids=named)
def test_every_document_is_valid(document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_refuse_a_word_that_kubernetes_does_not_know():
    wrong = copy.deepcopy(the("Deployment", "items"))
    container(wrong)["securityContext"]["readOnlyRootFileSystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError, match="readOnlyRootFileSystem"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("folder", ["overlays/production", "load"])
def test_what_kustomize_makes_is_valid_whole_and_in_one_namespace(folder):
    command = ["kubectl", "kustomize", str(KUBERNETES / folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    rendered = list(yaml.safe_load_all(made.stdout))
    for document in rendered:
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)
        assert document["metadata"]["namespace"] == "items"
    images = [container(one)["image"] for one in rendered if named(one) in map(named, WORKLOADS)]
    assert images
    assert all(image.startswith("registry.example.org/items") for image in images)
    base = [one for one in ALL if named(one) in {named(other) for other in rendered}]
    assert len(base) == len(rendered)
    if folder == "overlays/production":
        (service,) = (one for one in rendered if named(one) == "Deployment-items")
        names = {one["name"] for one in container(service)["env"]}
        assert names == {one["name"] for one in container(the("Deployment", "items"))["env"]}


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_every_pod_keeps_to_the_restricted_standard_on_a_read_only_file_system(workload):
    assert pod(workload)["securityContext"]["runAsNonRoot"] is True
    assert pod(workload)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(workload)["automountServiceAccountToken"] is False
    context = container(workload)["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = pod(workload)["securityContext"]["runAsUser"]
    assert instructions(container(workload)["image"], "USER")[0].startswith(f"{user}:")


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_every_pod_has_limits_and_no_variables_that_it_did_not_ask_for(workload):
    assert pod(workload)["enableServiceLinks"] is False
    assert set(container(workload)["resources"]["limits"]) == {"cpu", "memory"}


def test_the_service_has_the_articles_box():
    resources = container(the("Deployment", "items"))["resources"]
    assert resources["limits"] == resources["requests"] == {"cpu": "1", "memory": "512Mi"}


def test_what_waits_in_files_fits_into_the_folder_for_it():
    """Else clients that send or read slowly would have the pod evicted."""
    service = workload_named("items")
    (room,) = (one["emptyDir"] for one in pod(service)["volumes"] if one["name"] == "tmp")
    memory = container(service)["resources"]["limits"]["memory"]
    assert 4 * int(room["sizeLimit"].removesuffix("Mi")) >= int(memory.removesuffix("Mi"))


@pytest.mark.parametrize("name", ["items", "items-migrate", "items-upkeep"])
def test_every_variable_is_read_by_the_service(name):
    env = container(workload_named(name))["env"]
    names = {one["name"].removesuffix("_FILE") for one in env}
    assert names <= read_names() | GUNICORNS_OWN
    assert {"DATABASE_URL", "DJANGO_SECRET_KEY", "DJANGO_ALLOWED_HOSTS"} <= names
    assert names & {"API_KEYS", "API_AUTH"}


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_every_file_that_a_variable_names_is_mounted_from_a_secret_that_the_readme_makes(workload):
    files = {one["value"] for one in container(workload).get("env", ()) if "_FILE" in one["name"]}
    mounts = {one["name"]: one["mountPath"] for one in container(workload).get("volumeMounts", ())}
    volumes = {one["name"]: one for one in pod(workload).get("volumes", ())}
    assert set(mounts) == set(volumes)
    mounted = {
        f"{mounts[name]}/{item['path']}": (volume["secret"]["secretName"], item["key"])
        for name, volume in volumes.items()
        for item in volume.get("secret", {}).get("items", ())
    }
    assert files == set(mounted)
    for secret, key in mounted.values():
        assert f"create secret generic {secret} " in README
        assert f"--from-literal={key}=" in README


@pytest.mark.parametrize("workload", of_kind("Deployment"), ids=named)
def test_every_deployment_selects_its_own_pods_and_no_others(workload):
    assert selected(workload["spec"]["selector"]["matchLabels"]) == [workload]


@pytest.mark.parametrize("service", of_kind("Service"), ids=named)
def test_every_service_leads_to_a_named_port_of_one_deployment(service):
    if service["spec"].get("type") == "ExternalName":
        return
    (target,) = selected(service["spec"]["selector"])
    offered = {port["name"] for port in container(target)["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= offered


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_ports_are_those_of_the_image_and_probes_ask_them(workload):
    exposed = " ".join(instructions(container(workload)["image"], "EXPOSE")).split()
    ports = {one["name"]: one["containerPort"] for one in container(workload).get("ports", ())}
    assert {str(port) for port in ports.values()} <= set(exposed)
    for name, probe in container(workload).items():
        if name.endswith("Probe"):
            assert (probe.get("httpGet") or probe["tcpSocket"])["port"] in ports


def test_the_probes_ask_for_life_without_and_for_work_with_the_database():
    service = container(the("Deployment", "items"))
    paths = {name: service[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness")}
    assert paths == {"startup": "/livez", "liveness": "/livez"}
    assert service["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert service["readinessProbe"]["timeoutSeconds"] > 1  # the database has 1 s to answer


@pytest.mark.parametrize("name", ["items", "pgbouncer"])
def test_a_rolling_update_takes_no_pod_away_early_and_lets_each_drain(name):
    workload = the("Deployment", name)
    assert workload["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    sleep = container(workload)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod(workload)["terminationGracePeriodSeconds"] > sleep + drain()
    (budget,) = (one for one in of_kind("PodDisruptionBudget") if one["metadata"]["name"] == name)
    assert selected(budget["spec"]["selector"]["matchLabels"]) == [workload]


def test_the_autoscaler_scales_the_service_and_nobody_else_says_how_many():
    scaler = the("HorizontalPodAutoscaler", "items")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "items"
    assert "replicas" not in the("Deployment", "items")["spec"]
    assert scaler["spec"]["minReplicas"] >= 2


def test_the_connections_of_all_pods_fit_into_the_pooler_and_the_poolers_into_the_database():
    pooler = configparser.RawConfigParser()
    pooler.read(DEPLOY / "pgbouncer" / "pgbouncer.ini")
    settings = pooler["pgbouncer"]
    env = {one["name"]: one.get("value") for one in container(the("Deployment", "items"))["env"]}
    pods = the("HorizontalPodAutoscaler", "items")["spec"]["maxReplicas"]
    surge = the("Deployment", "items")["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    workers, each = int(env["WEB_CONCURRENCY"] or 0), connections_of_a_worker(env)
    clients = (pods + surge) * workers * each
    scaling = (KUBERNETES / "base" / "scaling.yaml").read_text()
    said = f"{pods + surge} pods (one more while rolling) x {workers} workers x {each} connections"
    assert f"{said} = {clients} <= {settings['max_client_conn']}" in scaling
    replicas = the("Deployment", "pgbouncer")["spec"]["replicas"]
    size = int(settings["default_pool_size"])
    line = f"{replicas} pods x {size} (default_pool_size) = {replicas * size} connections"
    assert line in (KUBERNETES / "base" / "pgbouncer.yaml").read_text()
    assert clients <= int(settings["max_client_conn"])
    assert replicas * size <= 97


def test_names_in_urls_and_arguments_are_services():
    services = {one["metadata"]["name"] for one in of_kind("Service")}
    assert f"@{'pgbouncer'}:6432/items" in README
    assert "@db/items?options=-c%20statement_timeout%3D0" in README
    assert "--host=http://items" in container(the("Deployment", "locust"))["args"]
    assert "--master-host=locust" in container(the("Deployment", "locust-worker"))["args"]
    pooled = first(r"^items = host=(\w+) ", (DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text())
    assert {"pgbouncer", "db", "items", "locust", pooled} <= services


@pytest.mark.parametrize("name", ["items-migrate", "items-upkeep"])
def test_commands_of_the_service_are_there(name):
    program, script, command = container(workload_named(name))["command"]
    assert (program, script) == ("python", "manage.py")
    assert command in get_commands()


def test_the_upkeep_ends_by_itself_before_it_is_ended():
    job = workload_named("items-upkeep")["spec"]["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] > PATIENCE


def test_every_image_has_a_recipe():
    assert {container(one)["image"] for one in WORKLOADS} <= set(DOCKERFILES)
