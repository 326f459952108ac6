"""Certificates of a node: the list is data, openssl writes them, kubeconfigs are rendered."""

import json
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.layout import DOMAIN, KUBERNETES_SERVICE_IP, NODE, NODE_IP, Layout
from e2e.cluster.shell import run

_YEARS = "3650"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", _YEARS)


@dataclass(frozen=True)
class Certificate:
    """One leaf: Kubernetes reads the user from CN and the groups from O. `names` make it a serving certificate."""

    file: str
    user: str
    group: str = ""
    names: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The subject as openssl wants it."""
        return (f"/O={self.group}" if self.group else "") + f"/CN={self.user}"


_SERVICE = "kubernetes.default.svc"
SERVING = (
    Certificate(
        "kube-apiserver",
        "kube-apiserver",
        names=(
            "DNS:localhost",
            *(f"DNS:{name}" for name in ("kubernetes", "kubernetes.default", _SERVICE, f"{_SERVICE}.{DOMAIN}")),
            *(f"IP:{address}" for address in ("127.0.0.1", NODE_IP, KUBERNETES_SERVICE_IP)),
        ),
    ),
    Certificate("kubelet-serving", NODE, names=(f"DNS:{NODE}", f"IP:{NODE_IP}")),
)
# Each of these gets a kubeconfig; the API server's own client certificate is for kubelet.
CLIENTS = (
    Certificate("admin", "admin", "system:masters"),
    Certificate("apiserver-kubelet-client", "kube-apiserver", "system:masters"),
    Certificate("kube-controller-manager", "system:kube-controller-manager"),
    Certificate("kube-scheduler", "system:kube-scheduler"),
    Certificate("kube-proxy", "system:kube-proxy"),
    Certificate("kubelet", f"system:node:{NODE}", "system:nodes"),
    Certificate("coredns", "coredns"),
    Certificate("local-provisioner", "local-provisioner"),
)


def extensions(certificate: Certificate) -> tuple[str, ...]:
    """Return what the certificate may be used for, as openssl's -addext values."""
    common = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")
    if certificate.names:
        return (*common, "extendedKeyUsage=serverAuth", f"subjectAltName={','.join(certificate.names)}")
    return (*common, "extendedKeyUsage=clientAuth")


def kubeconfig(server: str, pki: Path, certificate: str) -> str:
    """Render a kubeconfig (JSON is YAML) that names its files by path, so that no key is copied."""
    cluster = {"server": server, "certificate-authority": str(pki / "ca.crt")}
    user = {"client-certificate": str(pki / f"{certificate}.crt"), "client-key": str(pki / f"{certificate}.key")}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "node", "cluster": cluster}],
            "users": [{"name": certificate, "user": user}],
            "contexts": [{"name": "node", "context": {"cluster": "node", "user": certificate}}],
            "current-context": "node",
        },
        indent=1,
    )


def issue(pki: Path) -> None:
    """Write the authority, every certificate and the key for ServiceAccount tokens; once: `complete` marks the end."""
    if (pki / "complete").exists():
        return
    pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    run("openssl", "req", "-x509", *_CURVE, "-subj", "/CN=node-ca", *_files(pki, "ca"),
        "-addext", "keyUsage=critical,keyCertSign,digitalSignature")  # fmt: skip
    for certificate in (*SERVING, *CLIENTS):
        _issue(pki, certificate)
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", pki / "sa.key")
    run("openssl", "ec", "-in", pki / "sa.key", "-pubout", "-out", pki / "sa.pub")
    (pki / "complete").touch()


def write_kubeconfigs(layout: Layout, server: str, seen_as: Layout | None = None) -> None:
    """Write one kubeconfig a client. Components read theirs inside the node, where the folder is `seen_as`."""
    for certificate in CLIENTS:
        reader = layout if certificate.file == "admin" else seen_as or layout
        layout.kubeconfig(certificate.file).write_text(kubeconfig(server, reader.pki, certificate.file))


def _issue(pki: Path, certificate: Certificate) -> None:
    usage = [word for value in extensions(certificate) for word in ("-addext", value)]
    run("openssl", "req", "-x509", *_CURVE, "-subj", certificate.subject, *_files(pki, certificate.file),
        "-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", *usage)  # fmt: skip


def _files(pki: Path, name: str) -> tuple[str | Path, ...]:
    return ("-out", pki / f"{name}.crt", "-keyout", pki / f"{name}.key")
