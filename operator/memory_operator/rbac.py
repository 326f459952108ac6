"""What the operator may do, as data: the chart's roles are tested against this table.

`NAMESPACED` rules go into a ClusterRole bound everywhere when the operator serves all namespaces, or into a Role in
each namespace it serves. `ELSEWHERE` rules belong to one namespace whatever the operator serves.
"""

from dataclasses import dataclass
from typing import Final

from memory_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    MEMORY,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    SECRET,
    SECRET_NAMES,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    TENANT,
    VOLUME_CLAIM,
)


@dataclass(frozen=True)
class Rule:
    """One rule of a role, and why it is needed."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()

    def manifest(self) -> dict[str, list[str]]:
        """The rule as Kubernetes writes it."""
        rule = {"apiGroups": [self.group], "resources": list(self.resources), "verbs": list(self.verbs)}
        return rule | ({"resourceNames": list(self.names)} if self.names else {})


_WATCH: Final = ("get", "list", "watch")
_MANAGE: Final = (*_WATCH, "create", "patch", "delete")

NAMESPACED: Final = (
    Rule(MEMORY.group, (MEMORY.plural,), (*_WATCH, "patch"), "read what is declared; patch: our finalizer"),
    Rule(TENANT.group, (TENANT.plural,), _WATCH, "read what a tenant runs on; its spec is never written"),
    Rule(MEMORY.group, (f"{MEMORY.plural}/status", f"{TENANT.plural}/status"), ("patch",), "say what was found"),
    Rule(
        "",
        (CONFIG_MAP.plural, SERVICE.plural, SERVICE_ACCOUNT.plural),
        _MANAGE,
        "definitions, Redis's configuration, the Services, the pod's account",
    ),
    Rule("", (SECRET.plural,), (*_WATCH, "patch", "delete"), "our two Secrets and no other", SECRET_NAMES),
    Rule("", (SECRET.plural,), ("create",), "make them: create cannot be limited to names"),
    Rule("", (POD.plural,), (*_WATCH, "patch"), "see how pods fare; patch: the annotation that prompts them"),
    Rule("", (VOLUME_CLAIM.plural,), ("patch",), "grow a volume"),
    Rule("apps", (DEPLOYMENT.plural, STATEFUL_SET.plural), _MANAGE, "the service and its stores"),
    Rule(NETWORK_POLICY.group, (NETWORK_POLICY.plural,), _MANAGE, "who may talk to whom"),
    Rule("", (EVENT.plural,), ("create",), "say what happened to a Memory"),
    Rule("", (NAMESPACE.plural,), ("get",), "never create anything in a namespace that is being deleted"),
)
"""In each namespace that the operator serves. A Role may hold the rule for namespaces too: it covers its own."""

ELSEWHERE: Final = (Rule("", (EVENT.plural,), ("create",), "say in `default` what went with a namespace; optional"),)
"""In the namespace `default`, when the operator serves a list of namespaces."""
