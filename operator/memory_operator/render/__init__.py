"""PURE: everything that a tenant should have in its namespace, one line per object.

The same arguments give the same manifests, byte for byte. Random values and live definitions come in through `observed`
and the roster; what is not desired is simply not in the list. No manifest has an owner reference (crds.md, decision 2).
"""

from memory_crd.tenant import Tenant

from memory_operator.kinds import Manifest
from memory_operator.observed import Observed
from memory_operator.render import access, definitions, network, qdrant, redis, service, stores
from memory_operator.render.metadata import Context, sealed
from memory_operator.roster import Roster
from memory_operator.settings import Settings


def render(tenant: Tenant, roster: Roster, observed: Observed, settings: Settings) -> list[Manifest]:
    """Return the tenant's children in the order in which they are applied; none when no definition is in force."""
    if not roster.entries:
        return []
    context = Context(tenant, settings)
    credentials, inventory = observed.credentials, observed.inventory
    needed = stores.needed(roster.entries, inventory)
    redises = [store for store in needed if store.slot == "storage"]
    qdrants = [store for store in needed if store.slot == "vector"]
    manifests = [
        service.account(context),
        access.credentials_secret(tenant.namespace, credentials),
        access.connection_secret(context, credentials),
        *definitions.config_maps(context, roster),
        redis.config_map(context, redises),
        *network.policies(context, roster),
        *(redis.headless_service(context, store) for store in redises),
        *(qdrant.headless_service(context, store) for store in qdrants),
        service.front(context),
        *(redis.workload(context, store, inventory, credentials) for store in redises),
        *(qdrant.workload(context, store, inventory, credentials) for store in qdrants),
        service.deployment(context, roster, credentials),
    ]
    return [sealed(manifest) for manifest in manifests]
