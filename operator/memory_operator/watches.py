"""How news reaches the queue: kopf watches every kind but Secrets, which need one watch a name (crds.md, decision 9).

Handlers only store and enqueue: no I/O, no retries, no finalizers, no annotations of kopf's.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import kopf

from memory_operator.api import ApiServer
from memory_operator.cache import Cache
from memory_operator.errors import ApiError
from memory_operator.kinds import LABELLED, MEMORY, OWN_SELECTOR, SECRET, SECRET_NAMES, TENANT, Kind, Manifest
from memory_operator.kube import KubeCluster, is_ours

log = logging.getLogger(__name__)

Enqueue = Callable[[str, float], None]
CHILD_DELAY_SECONDS: Final = 0.03
"""News of children come in swarms; a short wait makes one pass of them."""
RETRY_SECONDS: Final = 2.0


class News:
    """Takes what a watch saw: into the cache, and if it is news, the tenant into the queue."""

    def __init__(self, cache: Cache, enqueue: Enqueue) -> None:
        self._cache = cache
        self._enqueue = enqueue

    def take(self, kind: Kind, event: str | None, manifest: Manifest) -> None:
        """Take one event; `event` is DELETED, or anything else for an object that is there."""
        self._cache.agree(kind)
        if event == "DELETED":
            self._cache.remove(kind, manifest)
        elif not self._cache.store(kind, manifest):
            return  # our own write, or what the first LIST brought
        delay = 0.0 if kind in (MEMORY, TENANT) else CHILD_DELAY_SECONDS
        self._enqueue(manifest["metadata"].get("namespace") or "", delay)

    def announce(self, tenant: str) -> None:
        """A LIST brought news of a tenant."""
        self._enqueue(tenant, CHILD_DELAY_SECONDS)


def registry_of(news: News, stopping: Callable[[], None]) -> kopf.OperatorRegistry:
    """Return kopf's registry: an event handler a kind, the credentials that kopf connects with, and what to do at last.

    kopf waits for tasks that began after itself before it ends; `stopping` is where they are told.
    """
    registry = kopf.OperatorRegistry()
    for kind in (MEMORY, TENANT, *LABELLED):
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)(_handler(news, kind))

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        stopping()

    return registry


def _handler(news: News, kind: Kind) -> Callable[..., Any]:
    async def seen(event: dict[str, Any], **_: Any) -> None:
        news.take(kind, event["type"], event["object"])

    return seen


def kopf_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: select on the server's side, scan nothing, post nothing, leave no mark."""
    settings = kopf.OperatorSettings()
    for kind in LABELLED:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = OWN_SELECTOR
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.posting.enabled = False
    settings.scanning.disabled = True
    return settings


async def watch_secrets(api: ApiServer, cluster: KubeCluster, news: News, name: str, tenant: str | None) -> None:
    """Keep the Secrets of one name in the cache until cancelled: LIST, watch, and LIST again when the watch is lost."""
    while True:
        try:
            listing, changed = await cluster.relist_secret(name, tenant)
            for where in changed:
                news.announce(where)
            await _follow(api, news, name, tenant, listing.at)
        except ApiError as error:
            log.info("the watch of Secrets %s starts again: %s", name, error)
            await asyncio.sleep(RETRY_SECONDS)


async def _follow(api: ApiServer, news: News, name: str, tenant: str | None, since: int) -> None:
    """Take events from a resourceVersion on; return or raise when the version is too old to go on from."""
    while True:
        async for event, secret in api.watch(SECRET, tenant, name=name, since=since):
            since = int(secret["metadata"].get("resourceVersion") or since)
            if event != "BOOKMARK" and is_ours(secret):
                news.take(SECRET, event, secret)


def secret_watches(tenants: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Return (name, tenant) of each watch of Secrets; no tenants means one over all namespaces."""
    return [(name, tenant) for name in SECRET_NAMES for tenant in (tenants or (None,))]
