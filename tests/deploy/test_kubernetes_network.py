"""Kubernetes' network policies: what is needed gets through, and nothing else."""

from typing import Any

import pytest

from tests.deploy.manifests import container, labels, of_kind, the, workload


def allowed(policies: list[dict[str, Any]], way: str, peer: dict[str, str]) -> set[Any]:
    """Return the ports at which policies let pods with these labels in, or out to."""
    key = {"ingress": "from", "egress": "to"}[way]
    return {
        port["port"]
        for policy in policies
        for rule in policy["spec"].get(way, ())
        for end in rule.get(key, ())
        for port in rule["ports"]
        if (end.get("podSelector", {}).get("matchLabels") or {"": ""}).items() <= peer.items()
    }


def policies_for(workload: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        policy
        for policy in of_kind("NetworkPolicy")
        if (chosen := policy["spec"]["podSelector"].get("matchLabels"))
        and chosen.items() <= labels(workload).items()
    ]


@pytest.mark.parametrize(("source", "target", "port"), [
    ("items", "pgbouncer", "pgbouncer"), ("items-upkeep", "pgbouncer", "pgbouncer"),
    ("locust", "items", "http"), ("locust-worker", "items", "http"),
    ("locust-worker", "locust", "workers"),
])  # fmt: skip
def test_the_network_lets_through_what_is_needed_at_both_ends(source, target, port):
    here, there = (workload(name) for name in (source, target))
    assert port in allowed(policies_for(here), "egress", labels(there))
    assert port in allowed(policies_for(there), "ingress", labels(here))
    assert port in {one["name"] for one in container(there)["ports"]}


def test_nobody_else_is_let_in_and_only_the_pooler_and_the_migration_reach_the_database():
    assert the("NetworkPolicy", "default-deny")["spec"] == {
        "podSelector": {}, "policyTypes": ["Ingress", "Egress"]
    }  # fmt: skip
    open_to_database = {
        policy["metadata"]["name"]
        for policy in of_kind("NetworkPolicy")
        for rule in policy["spec"].get("egress", ())
        if any(port["port"] == 5432 for port in rule["ports"])
    }
    assert open_to_database == {"pgbouncer", "items-migrate"}
