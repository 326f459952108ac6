"""Configuration files of the components, rendered from values. Pure; JSON is used where YAML is read."""

import json

from e2e.cluster.layout import DNS_IP, DOMAIN, PODS, Layout

PAUSE_IMAGE = "localhost/pause:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


def render(layout: Layout, cgroup: str) -> dict[str, str]:
    """Return file name -> text for `layout.config`."""
    return {
        "audit.yaml": audit_policy(),
        "kubelet.yaml": kubelet(layout, cgroup),
        "containerd.toml": containerd(layout),
        "cni/10-bridge.conflist": cni(),
        "Corefile": corefile(layout),
    }


def kubelet(layout: Layout, cgroup: str) -> str:
    """Render the kubelet's configuration; all pods live below `cgroup`, so that other nodes' pods are left alone."""
    pki = layout.pki
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pki / "kubelet-serving.crt"),
            "tlsPrivateKeyFile": str(pki / "kubelet-serving.key"),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [DNS_IP],
            "clusterDomain": DOMAIN,
            "resolvConf": "",
            "configMapAndSecretChangeDetectionStrategy": "Watch",
            "serializeImagePulls": False,
            # Nothing can be pulled again, and a full disk of the machine is not this node's to tidy.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        },
        indent=1,
    )


def containerd(layout: Layout) -> str:
    """Render containerd's configuration (TOML; JSON strings are TOML strings)."""
    # restrict_oom_score_adj: without the right to lower the score, runc dies with "can't get final child's PID".
    return f"""version = 2
root = {json.dumps(str(layout.root / "containerd"))}
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", \
"io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt"]

[grpc]
address = {json.dumps(CONTAINERD_SOCKET)}

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = {json.dumps(PAUSE_IMAGE)}
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = {json.dumps(str(layout.config / "cni"))}

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def cni() -> str:
    """Render the pod network: one bridge. It does not enforce NetworkPolicy."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": ipam}
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}, indent=1)


def corefile(layout: Layout) -> str:
    """Render CoreDNS's configuration; no forward: names outside the cluster have no answer, at once."""
    return f""".:53 {{
    bind {DNS_IP}
    errors
    ready {DNS_IP}:8181
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {layout.kubeconfig("coredns")}
        ttl 2
    }}
    loadbalance
}}
"""


def audit_policy() -> str:
    """Log who writes what, one line a request, so that tests can count the writes of a client."""
    return json.dumps(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [
                {"level": "None", "verbs": ["get", "list", "watch"]},
                {"level": "None", "userGroups": ["system:nodes"]},
                {"level": "None", "resources": [{"group": "", "resources": ["events"]},
                                                {"group": "coordination.k8s.io"},
                                                {"group": "events.k8s.io"}]},
                {"level": "Metadata"},
            ],
        },
        indent=1,
    )  # fmt: skip
