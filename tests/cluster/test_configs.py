"""The configuration files of a node."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster import components, configs
from e2e.cluster.layout import DNS_IP, NODE_ENDPOINT, Endpoint, Layout

LAYOUT = Layout(Path("/run/node"))


@pytest.fixture
def kubelet() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(configs.kubelet(LAYOUT, "memory-demo-0123abcd"))
    return parsed


def test_all_pods_live_below_the_clusters_own_control_group(kubelet: dict[str, Any]) -> None:
    assert kubelet["cgroupRoot"] == "/memory-demo-0123abcd"


def test_kubelet_runs_on_the_cgroups_of_older_machines_and_with_swap(kubelet: dict[str, Any]) -> None:
    assert kubelet["failCgroupV1"] is False
    assert kubelet["failSwapOn"] is False


def test_nobody_talks_to_kubelet_without_a_certificate_or_token(kubelet: dict[str, Any]) -> None:
    assert kubelet["authentication"]["anonymous"]["enabled"] is False
    assert kubelet["authorization"]["mode"] == "Webhook"


def test_config_maps_arrive_as_late_as_they_do_for_users(kubelet: dict[str, Any]) -> None:
    assert "syncFrequency" not in kubelet


def test_containerd_uses_our_pause_image_and_leaves_scores_alone() -> None:
    cri = tomllib.loads(configs.containerd(LAYOUT))["plugins"]["io.containerd.grpc.v1.cri"]

    assert cri["sandbox_image"] == configs.PAUSE_IMAGE
    assert cri["restrict_oom_score_adj"] is True
    assert cri["cni"]["conf_dir"] == "/run/node/config/cni"


def test_names_outside_the_cluster_are_not_forwarded() -> None:
    assert "forward" not in configs.corefile(LAYOUT)
    assert f"bind {DNS_IP}" in configs.corefile(LAYOUT)


def test_reads_and_heartbeats_are_not_in_the_audit_log() -> None:
    rules = json.loads(configs.audit_policy())["rules"]

    assert rules[0] == {"level": "None", "verbs": ["get", "list", "watch"]}
    assert rules[-1] == {"level": "Metadata"}


def test_every_file_that_a_component_is_told_to_read_is_rendered() -> None:
    rendered = {str(LAYOUT.config / name) for name in configs.render(LAYOUT, "memory-x")}
    named = {
        word.rpartition("=")[2]
        for component in components.node(LAYOUT, NODE_ENDPOINT)
        for word in component.arguments
        if word.rpartition("=")[2].startswith(str(LAYOUT.config))
    }

    assert named
    assert named <= rendered


def test_an_api_server_alone_advertises_no_address_of_this_machine() -> None:
    server = components.control_plane(LAYOUT, Endpoint(bind="127.0.0.1", port=40123))[1]

    assert "--bind-address=127.0.0.1" in server.arguments
    assert "--secure-port=40123" in server.arguments
    assert "--endpoint-reconciler-type=none" in server.arguments


def test_etcd_listens_on_no_port() -> None:
    etcd = components.control_plane(LAYOUT, NODE_ENDPOINT)[0]
    listened = [word for word in etcd.arguments if word.startswith("--listen-")]

    assert listened
    assert all("=unix:///run/node/" in word for word in listened)
