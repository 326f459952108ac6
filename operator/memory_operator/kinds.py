"""The kinds that the operator reads or writes: one row each, nothing else spells a path of the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from memory_crd import names

Manifest: TypeAlias = Mapping[str, Any]
"""A plain dict ready for the API server, or as it came from there. Never changed in place."""


@dataclass(frozen=True)
class Kind:
    """A kind of the API: where it lives and how it is spelled."""

    group: str
    version: str
    name: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, tenant: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the path of the collection (all namespaces when `tenant` is None), of an object or of its part."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root, *(["namespaces", tenant] if tenant else []), self.plural]
        return "/".join([*parts, *([name] if name else []), *([subresource] if subresource else [])])


MEMORY: Final = Kind(names.GROUP, names.VERSION, names.MEMORY_KIND, names.MEMORY_PLURAL)
TENANT: Final = Kind(names.GROUP, names.VERSION, names.TENANT_KIND, names.TENANT_PLURAL)
POD: Final = Kind("", "v1", "Pod", "pods")
SECRET: Final = Kind("", "v1", "Secret", "secrets")
CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps")
SERVICE: Final = Kind("", "v1", "Service", "services")
SERVICE_ACCOUNT: Final = Kind("", "v1", "ServiceAccount", "serviceaccounts")
VOLUME_CLAIM: Final = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
EVENT: Final = Kind("", "v1", "Event", "events")
NAMESPACE: Final = Kind("", "v1", "Namespace", "namespaces")
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments")
STATEFUL_SET: Final = Kind("apps", "v1", "StatefulSet", "statefulsets")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")

SECRET_NAMES: Final = (names.CREDENTIALS, names.CONNECTION)
"""The only Secrets the operator may read: by name, so that roles can say `resourceNames` (crds.md, decision 9)."""

LABELLED: Final = (CONFIG_MAP, SERVICE, SERVICE_ACCOUNT, NETWORK_POLICY, STATEFUL_SET, DEPLOYMENT, POD)
"""Kinds that are listed and watched by our label, on the server's side."""

CHILD_KINDS: Final = (SERVICE_ACCOUNT, SECRET, CONFIG_MAP, NETWORK_POLICY, SERVICE, STATEFUL_SET, DEPLOYMENT)
"""What render makes, in the order in which it is applied; pruning goes the other way."""

OWN_SELECTOR: Final = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"

BY_NAME: Final = {kind.name: kind for kind in (MEMORY, TENANT, POD, VOLUME_CLAIM, *CHILD_KINDS)}


def kind_of(manifest: Manifest) -> Kind:
    """Return the row of a manifest's kind; raise KeyError for a kind that is none of ours."""
    return BY_NAME[manifest["kind"]]


def made_last_first(manifest: Manifest) -> int:
    """Order children for deletion: what was applied last goes first (a sort key)."""
    return -CHILD_KINDS.index(kind_of(manifest))
