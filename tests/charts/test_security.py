"""What the chart's pods, rights and network allow, checked as data."""

from __future__ import annotations

import pytest
from memory_crd import names
from memory_operator import rbac

from tests.charts.rendering import Helm, Manifest, of_kind, pod_specs, the


@pytest.mark.parametrize("which", ["defaults", "everything"])
def test_every_pod_meets_the_restricted_standard(request: pytest.FixtureRequest, which: str) -> None:
    specs = list(pod_specs(request.getfixturevalue(which)))

    assert len(specs) == 2
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(container["resources"]) == {"requests", "limits"}
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_ids_can_be_left_to_the_cluster(everything: list[Manifest]) -> None:
    for spec in pod_specs(everything):
        assert spec["securityContext"].keys() == {"runAsNonRoot", "seccompProfile"}


def test_rights_name_every_resource_and_verb(defaults: list[Manifest]) -> None:
    for rule in the(defaults, "ClusterRole")["rules"]:
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]


def test_secrets_are_read_by_name_only(defaults: list[Manifest]) -> None:
    rules = [rule for rule in the(defaults, "ClusterRole")["rules"] if "secrets" in rule["resources"]]

    for rule in rules:
        assert rule["verbs"] == ["create"] or rule["resourceNames"] == [names.CREDENTIALS, names.CONNECTION]


def test_rights_are_the_operators_own_table(defaults: list[Manifest], everything: list[Manifest]) -> None:
    needed = [rule.manifest() for rule in rbac.NAMESPACED]
    *roles, events = of_kind(everything, "Role")

    assert the(defaults, "ClusterRole")["rules"] == needed
    assert [role["rules"] for role in roles] == [needed, needed]
    assert events["rules"] == [rule.manifest() for rule in rbac.ELSEWHERE]


def test_listed_namespaces_need_nothing_of_the_cluster(everything: list[Manifest]) -> None:
    roles = of_kind(everything, "Role")

    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "team-b", "default"]
    assert not of_kind(everything, "ClusterRole") + of_kind(everything, "ClusterRoleBinding")


def test_every_binding_gives_its_role_to_the_operators_account(everything: list[Manifest]) -> None:
    account = the(everything, "ServiceAccount")["metadata"]

    bindings = of_kind(everything, "RoleBinding")
    assert len(bindings) == 3
    for binding in bindings:
        (subject,) = binding["subjects"]
        assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])


def test_only_those_named_may_scrape_the_operator(defaults: list[Manifest], everything: list[Manifest]) -> None:
    def peers(manifests: list[Manifest]) -> list[Manifest]:
        (rule,) = the(manifests, "NetworkPolicy")["spec"]["ingress"]
        assert rule["ports"] == [{"port": names.PORT_MANAGEMENT, "protocol": "TCP"}]
        found: list[Manifest] = rule["from"]
        return found

    assert len(peers(defaults)) == 1
    assert peers(everything)[1:] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]


def test_the_policy_lets_the_operator_reach_the_api_dns_and_service_pods_only(defaults: list[Manifest]) -> None:
    rules = the(defaults, "NetworkPolicy")["spec"]["egress"]

    assert [sorted({port["port"] for port in rule["ports"]}) for rule in rules] == [
        [53],
        [443, 6443],
        [names.PORT_MANAGEMENT],
    ]


def test_rights_and_policy_can_be_left_to_somebody_else(helm: Helm) -> None:
    rendered = helm.render("--set=rbac.create=false,networkPolicy.enabled=false,serviceAccount.create=false")

    kinds = {manifest["kind"] for manifest in rendered}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding", "NetworkPolicy", "ServiceAccount"}
    assert the(rendered, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "default"
