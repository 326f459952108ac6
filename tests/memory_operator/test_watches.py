"""What a watch saw goes into the cache, and the tenant into the queue if it is news."""

from __future__ import annotations

from typing import Any

from memory_operator.cache import Cache
from memory_operator.kinds import CONFIG_MAP, LABELLED, MEMORY, OWN_SELECTOR, SECRET
from memory_operator.watches import CHILD_DELAY_SECONDS, News, kopf_settings, registry_of, secret_watches


def thing(version: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": "one", "namespace": "acme", "resourceVersion": str(version)}}


def test_news_is_enqueued_and_an_echo_is_not() -> None:
    queued: list[tuple[str, float]] = []
    news = News(Cache(), lambda tenant, delay: queued.append((tenant, delay)))

    news.take(MEMORY, "ADDED", thing(1))
    news.take(MEMORY, None, thing(1))
    news.take(CONFIG_MAP, "MODIFIED", thing(2))
    news.take(CONFIG_MAP, "DELETED", thing(3))

    assert queued == [("acme", 0.0), ("acme", CHILD_DELAY_SECONDS), ("acme", CHILD_DELAY_SECONDS)]


def test_a_deletion_leaves_the_cache() -> None:
    cache = Cache()
    news = News(cache, lambda tenant, delay: None)

    news.take(CONFIG_MAP, "ADDED", thing(1))
    news.take(CONFIG_MAP, "DELETED", thing(2))

    assert cache.of(CONFIG_MAP, "acme") == []


def test_kopf_selects_our_objects_on_the_servers_side_and_leaves_no_mark() -> None:
    settings = kopf_settings()

    for kind in LABELLED:
        assert settings.watching.label_selectors[kind.group, kind.version, kind.plural] == OWN_SELECTOR
    assert settings.scanning.disabled
    assert not settings.posting.enabled


def test_kopf_watches_every_kind_but_secrets_and_handles_only_events() -> None:
    registry = registry_of(News(Cache(), lambda tenant, delay: None), lambda: None)

    watched = {handler.selector.any_name for handler in registry._watching.get_all_handlers() if handler.selector}
    assert watched == {"memories", "memorytenants", *(kind.plural for kind in LABELLED)}
    assert SECRET.plural not in watched
    assert not list(registry._changing.get_all_handlers())
    assert not list(registry._spawning.get_all_handlers())


def test_secrets_are_watched_by_name_in_each_tenant_or_in_all() -> None:
    assert secret_watches(()) == [("memory-credentials", None), ("memory-connection", None)]
    assert len(secret_watches(("a", "b"))) == 4
