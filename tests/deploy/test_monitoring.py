"""Metrics on Kubernetes, and the queries of docs/operations.md: every name exists."""

import os
import re
import shutil
import subprocess
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.deploy.manifests import KUBERNETES, container, named, selected, the
from tests.deploy.test_kubernetes import VERSIONS
from tests.test_layout import ROOT, read_names

COMPONENT = KUBERNETES / "components" / "monitoring"
DOCUMENTS = {
    one["kind"]: one for one in yaml.safe_load_all((COMPONENT / "metrics.yaml").read_text())
}
KUSTOMIZATION = yaml.safe_load((COMPONENT / "kustomization.yaml").read_text())
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION = {"type": "string", "pattern": "^(([0-9]+)m)?(([0-9]+)s)?$"}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required,
            "additionalProperties": False}  # fmt: skip


# What we use of the operator's CRD, monitoring.coreos.com/v1; Kubernetes' own schemas lack it.
SERVICE_MONITOR = closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "monitoring.coreos.com/v1"},
    kind={"const": "ServiceMonitor"},
    metadata=closed(["name"], name={"type": "string"}, labels=LABELS),
    spec=closed(
        ["selector", "endpoints"],
        selector=closed(["matchLabels"], matchLabels=LABELS),
        endpoints={
            "type": "array",
            "minItems": 1,
            "items": closed(
                ["port"], port={"type": "string"}, path={"type": "string"},
                interval=DURATION, scrapeTimeout=DURATION,
            ),
        },
    ),
)  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["Service", "NetworkPolicy"])
def test_what_kubernetes_knows_is_valid(kind, version):
    kubernetes_validate.validate(DOCUMENTS[kind], version, strict=True)


def test_the_monitor_is_what_the_operator_takes():
    jsonschema.validate(DOCUMENTS["ServiceMonitor"], SERVICE_MONITOR)


def test_the_component_has_all_its_parts_and_the_readme_says_how_to_take_it():
    assert KUSTOMIZATION["kind"] == "Component"
    assert KUSTOMIZATION["resources"] == ["metrics.yaml"]
    assert "components: [../../components/monitoring]" in (KUBERNETES / "README.md").read_text()


def test_the_monitor_finds_the_port_at_which_the_service_tells():
    (patch,) = KUSTOMIZATION["patches"]
    deployment = yaml.safe_load(patch["patch"])
    base = the("Deployment", "items")
    assert patch["target"] == {"kind": "Deployment", "name": "items"}
    (changed,) = deployment["spec"]["template"]["spec"]["containers"]
    assert changed["name"] == container(base)["name"]
    (port,), (variable,) = changed["ports"], changed["env"]
    assert variable == {"name": "METRICS_PORT", "value": str(port["containerPort"])}
    assert variable["name"] in read_names()
    assert port["containerPort"] not in {one["containerPort"] for one in container(base)["ports"]}
    service, monitor = DOCUMENTS["Service"], DOCUMENTS["ServiceMonitor"]["spec"]
    assert selected(service["spec"]["selector"]) == [base]
    assert monitor["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


def test_only_the_namespace_of_prometheus_reaches_the_metrics_and_nothing_else_by_it():
    policy = DOCUMENTS["NetworkPolicy"]["spec"]
    assert selected(policy["podSelector"]["matchLabels"]) == [the("Deployment", "items")]
    (rule,) = policy["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    assert [port["port"] for port in rule["ports"]] == ["metrics"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_adds_the_port_to_the_service_of_an_overlay(tmp_path):
    production = os.path.relpath(KUBERNETES / "overlays" / "production", tmp_path)
    overlay = {"resources": [production], "components": [os.path.relpath(COMPONENT, tmp_path)]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    command = ["kubectl", "kustomize", str(tmp_path)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    rendered = {named(one): one for one in yaml.safe_load_all(made.stdout)}
    service = rendered["Deployment-items"]
    kubernetes_validate.validate(service, VERSIONS[-1], strict=True)
    ports = {one["name"]: one["containerPort"] for one in container(service)["ports"]}
    assert ports == {"http": 8000, "metrics": 9100}
    assert {"METRICS_PORT", "DATABASE_URL_FILE"} <= {
        one["name"] for one in container(service)["env"]
    }
    assert {"ServiceMonitor-items", "NetworkPolicy-items-metrics"} <= set(rendered)


def exposed() -> set[str]:
    """Return the names as Prometheus stores them."""
    source = (ROOT / "project" / "observability" / "exposition.py").read_text()
    made = re.findall(r'(Counter|Histogram|Gauge)\(\s*"(\w+)"', source)
    endings = {"Counter": ["_total"], "Histogram": ["_bucket", "_sum", "_count"], "Gauge": [""]}
    return {name + ending for kind, name in made for ending in endings[kind]}


def test_every_metric_in_a_query_exists_and_every_metric_is_explained():
    queries = (ROOT / "docs" / "operations.md").read_text()
    asked = set(re.findall(r"\b(?:http_request|worker_slots|database_errors)\w*", queries))
    assert asked
    assert asked <= exposed()
    explained = (ROOT / "docs" / "observability.md").read_text()
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed()}
    assert all(f"`{name}`" in explained for name in names)
