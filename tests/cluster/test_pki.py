"""Who a certificate says its holder is, and what it may be used for."""

import json
from pathlib import Path

from e2e.cluster import pki
from e2e.cluster.layout import Layout
from e2e.cluster.pki import Certificate


def test_groups_come_before_the_user() -> None:
    assert Certificate("kubelet", "system:node:node", "system:nodes").subject == "/O=system:nodes/CN=system:node:node"
    assert Certificate("coredns", "coredns").subject == "/CN=coredns"


def test_a_certificate_with_names_serves_and_any_other_only_calls() -> None:
    assert "extendedKeyUsage=serverAuth" in pki.extensions(Certificate("a", "a", names=("DNS:a",)))
    assert "extendedKeyUsage=clientAuth" in pki.extensions(Certificate("a", "a"))


def test_the_administrator_reads_outside_what_components_read_inside(tmp_path: Path) -> None:
    outside = Layout(tmp_path)
    outside.pki.mkdir()

    pki.write_kubeconfigs(outside, "https://127.0.0.1:6443", Layout(Path("/run/node")))

    keys = {
        user: json.loads(outside.kubeconfig(user).read_text())["users"][0]["user"]["client-key"]
        for user in ("admin", "kubelet")
    }
    assert keys == {"admin": f"{tmp_path}/pki/admin.key", "kubelet": "/run/node/pki/kubelet.key"}


def test_only_people_and_the_api_server_are_masters() -> None:
    masters = {each.file for each in pki.CLIENTS if each.group == "system:masters"}

    assert masters == {"admin", "apiserver-kubelet-client"}
