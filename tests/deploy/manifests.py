"""The documents of deploy/kubernetes, and who selects whom."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.places import DEPLOY

KUBERNETES = DEPLOY / "kubernetes"


def documents() -> Iterator[dict[str, Any]]:
    for folder in ("base", "load"):
        for path in sorted((KUBERNETES / folder).glob("*.yaml")):
            if path.name != "kustomization.yaml":
                yield from yaml.safe_load_all(path.read_text())


ALL = list(documents())


def named(document: dict[str, Any]) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in ALL if document["kind"] == kind]


def the(kind: str, name: str) -> dict[str, Any]:
    (found,) = (one for one in of_kind(kind) if one["metadata"]["name"] == name)
    return found


WORKLOADS = [one for kind in ("Deployment", "Job", "CronJob") for one in of_kind(kind)]


def workload(name: str) -> dict[str, Any]:
    (found,) = (one for one in WORKLOADS if one["metadata"]["name"] == name)
    return found


def template(workload: dict[str, Any]) -> Any:
    """Return what pods are made from."""
    spec = workload["spec"]
    return spec.get("jobTemplate", workload)["spec"]["template"]


def pod(workload: dict[str, Any]) -> Any:
    return template(workload)["spec"]


def container(workload: dict[str, Any]) -> Any:
    (only,) = pod(workload)["containers"]
    return only


def labels(workload: dict[str, Any]) -> Any:
    return template(workload)["metadata"]["labels"]


def selected(selector: dict[str, str]) -> list[dict[str, Any]]:
    return [one for one in WORKLOADS if selector.items() <= labels(one).items()]
