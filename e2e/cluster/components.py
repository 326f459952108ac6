"""The command line of every component, as data. Pure: no file is read or written here."""

from dataclasses import dataclass

from e2e.cluster.layout import DNS_IP, NODE, NODE_IP, PODS, SERVICES, Endpoint, Layout


@dataclass(frozen=True)
class Component:
    """One daemon: the program's name and its arguments."""

    name: str
    arguments: tuple[str, ...]


def control_plane(layout: Layout, endpoint: Endpoint) -> tuple[Component, ...]:
    """Return etcd and the API server, in the order they start."""
    return (_etcd(layout), _apiserver(layout, endpoint))


def controllers(layout: Layout) -> Component:
    """Return the controllers that make namespaces end, garbage be collected and workloads run."""
    off = ("cloud-node-lifecycle", "node-route-controller", "service-lb-controller")
    return _component(
        "kube-controller-manager",
        {
            "kubeconfig": layout.kubeconfig("kube-controller-manager"),
            "controllers": ",".join(["*", *(f"-{name}" for name in off)]),
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            "root-ca-file": layout.pki / "ca.crt",
            "service-account-private-key-file": layout.pki / "sa.key",
            "cluster-signing-cert-file": layout.pki / "ca.crt",
            "cluster-signing-key-file": layout.pki / "ca.key",
            "secure-port": 0,
        },
    )


def containerd(layout: Layout) -> Component:
    """Return the container runtime, which starts before the kubelet."""
    return Component("containerd", ("--config", str(layout.config / "containerd.toml")))


def workers(layout: Layout) -> tuple[Component, ...]:
    """Return what runs pods on the node."""
    return (
        _component(
            "kube-scheduler",
            {"kubeconfig": layout.kubeconfig("kube-scheduler"), "leader-elect": "false", "secure-port": 0},
        ),
        _component(
            "kubelet",
            {
                "config": layout.config / "kubelet.yaml",
                "kubeconfig": layout.kubeconfig("kubelet"),
                "root-dir": layout.root / "kubelet",
                "hostname-override": NODE,
                "node-ip": NODE_IP,
            },
        ),
        _proxy(layout),
        Component("coredns", ("-conf", str(layout.config / "Corefile"))),
        _component("local-provisioner", {"kubeconfig": layout.kubeconfig("local-provisioner"), "root": layout.volumes}),
    )


def _component(name: str, options: dict[str, object]) -> Component:
    return Component(name, tuple(f"--{option}={value}" for option, value in options.items()))


def _etcd(layout: Layout) -> Component:
    """Sockets instead of ports: nothing else on the machine can reach it. No fsync: the data is for tests."""
    return _component(
        "etcd",
        {
            "name": NODE,
            "data-dir": layout.root / "etcd",
            "listen-client-urls": f"unix://{layout.root}/etcd.sock",
            "advertise-client-urls": "http://127.0.0.1:2379",
            "listen-peer-urls": f"unix://{layout.root}/etcd-peer.sock",
            "initial-cluster": f"{NODE}=http://127.0.0.1:2380",
            "initial-advertise-peer-urls": "http://127.0.0.1:2380",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        },
    )


def _apiserver(layout: Layout, endpoint: Endpoint) -> Component:
    pki = layout.pki
    options: dict[str, object] = {
        "etcd-servers": f"unix://{layout.root}/etcd.sock",
        "bind-address": endpoint.bind,
        "secure-port": endpoint.port,
        "advertise-address": endpoint.advertised or "192.0.2.1",
        "endpoint-reconciler-type": "lease" if endpoint.advertised else "none",
        "client-ca-file": pki / "ca.crt",
        "tls-cert-file": pki / "kube-apiserver.crt",
        "tls-private-key-file": pki / "kube-apiserver.key",
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
        "kubelet-client-key": pki / "apiserver-kubelet-client.key",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": pki / "sa.pub",
        "service-account-signing-key-file": pki / "sa.key",
        "service-cluster-ip-range": SERVICES,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "anonymous-auth": "false",
        "audit-policy-file": layout.config / "audit.yaml",
        "audit-log-path": layout.log / "audit.log",
    }
    return _component("kube-apiserver", options)


def _proxy(layout: Layout) -> Component:
    """Conntrack limits belong to the machine, so they stay as they are."""
    return _component(
        "kube-proxy",
        {
            "kubeconfig": layout.kubeconfig("kube-proxy"),
            "proxy-mode": "iptables",
            "cluster-cidr": PODS,
            "hostname-override": NODE,
            "bind-address": NODE_IP,
            "conntrack-max-per-core": 0,
            "conntrack-tcp-timeout-established": 0,
            "conntrack-tcp-timeout-close-wait": 0,
            "iptables-min-sync-period": "200ms",
        },
    )


def node(layout: Layout, endpoint: Endpoint) -> tuple[Component, ...]:
    """Return every component of a whole node, in the order they start."""
    return (*control_plane(layout, endpoint), controllers(layout), containerd(layout), *workers(layout))


DNS_READY = (DNS_IP, 8181)
