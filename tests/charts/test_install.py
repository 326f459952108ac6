"""The chart on a real API server: install, what the operator may do then, upgrade, uninstall."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence

import pytest
import yaml
from memory_crd import names
from memory_operator.rbac import NAMESPACED

from e2e.cluster import controlplane
from tests.charts.rendering import CHART, ROOT, Helm, HelmError

pytestmark = pytest.mark.cluster

NAMESPACE = "memory-system"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:memory-platform-operator"
Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def api_server() -> Iterator[controlplane.Handle]:
    """One of our own: Helm refuses definitions that somebody else has installed."""
    with controlplane.start() as plane:
        yield plane


@pytest.fixture(scope="module")
def kubectl(api_server: controlplane.Handle) -> Kubectl:
    """kubectl as an administrator; fails with what it says."""

    def run(*words: str, text: str | None = None) -> str:
        command = [str(api_server.kubectl), "--kubeconfig", str(api_server.kubeconfig), *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def release(helm: Helm, api_server: controlplane.Handle) -> Callable[..., str]:
    """A function that runs helm against the release, which is installed."""
    at = ("--kubeconfig", str(api_server.kubeconfig), "--namespace", NAMESPACE)

    def run(verb: str, *words: str) -> str:
        return helm.run(verb, "memory-platform", *words, *at)

    run("install", str(CHART), "--create-namespace")
    return run


def rule_cases() -> Iterator[tuple[str, str, str]]:
    """Every (verb, resource, name) of the operator's table."""
    for rule in NAMESPACED:
        for resource in rule.resources:
            plural, _, part = resource.partition("/")
            full = f"{plural}.{rule.group}" if rule.group else plural
            for verb in rule.verbs:
                for name in rule.names or ("",):
                    yield verb, f"{full}/{part}" if part else full, name


def review(verb: str, resource: str, name: str) -> str:
    """The question whether the operator's account may do this in a tenant's namespace."""
    kind, _, part = resource.partition("/")
    plural, _, group = kind.partition(".")
    asked = {"verb": verb, "group": group, "resource": plural, "subresource": part, "name": name}
    return json.dumps(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": ACCOUNT, "resourceAttributes": {"namespace": "somebody", **asked}},
        }
    )


def allowed(kubectl: Kubectl, cases: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those of (verb, resource, name) that the API server allows, all asked at once."""
    text = "\n---\n".join(review(*case) for case in cases)
    told = kubectl("create", "-f", "-", "-o", "jsonpath={.status.allowed}{'\\n'}", text=text).split()
    return [case for case, answer in zip(cases, told, strict=True) if answer == "true"]


FORBIDDEN = [
    ("list", "secrets", ""),
    ("get", "secrets", "somebody-elses"),
    ("get", "secrets", names.USER_ENV),
    ("update", f"{names.TENANT_PLURAL}.{names.GROUP}", "default"),
    ("patch", f"{names.TENANT_PLURAL}.{names.GROUP}", "default"),
    ("delete", f"{names.MEMORY_PLURAL}.{names.GROUP}", "support"),
    ("create", "pods/exec", "memory-redis-0"),
    ("delete", "persistentvolumeclaims", "data-memory-redis-0"),
    ("delete", "namespaces", "somebody"),
    ("create", "roles.rbac.authorization.k8s.io", ""),
]


def test_the_operator_may_do_all_that_its_table_says_and_nothing_else(release: object, kubectl: Kubectl) -> None:
    needed = list(rule_cases())

    assert allowed(kubectl, [*needed, *FORBIDDEN]) == needed


def test_an_upgrade_changes_the_definitions_too(release: Callable[..., str], kubectl: Kubectl) -> None:
    release("upgrade", str(CHART), "--set-string=crds.annotations.example\\.com/wave=-1")

    crd = json.loads(kubectl("get", "crd", "memories.memoryplatform.dev", "-o", "json"))
    assert crd["metadata"]["annotations"]["example.com/wave"] == "-1"


def test_a_value_that_means_nothing_is_refused_before_anything_changes(release: Callable[..., str]) -> None:
    with pytest.raises(HelmError, match="operatr"):
        release("upgrade", str(CHART), "--set=operatr.namespaces={a}")


def test_uninstalling_leaves_the_memories_and_a_second_install_adopts_the_definitions(
    release: Callable[..., str], kubectl: Kubectl
) -> None:
    example = yaml.safe_load((ROOT / "examples" / "support-agent.yaml").read_text())
    kubectl("apply", "-n", "default", "-f", "-", text=json.dumps(example))

    release("uninstall")
    left = kubectl("get", "memories", "-n", "default", "-o", "name")
    release("install", str(CHART))
    kubectl("delete", "memories", "--all", "-n", "default")

    assert left.split() == ["memory.memoryplatform.dev/support-agent"]
