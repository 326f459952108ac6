"""The management listener over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from memory_operator import management
from memory_operator.metrics import Figures, Metrics
from prometheus_client import CollectorRegistry


class Health:
    fault = ""
    ready = False


@pytest.fixture
async def listener() -> AsyncIterator[tuple[str, Health]]:
    health, metrics = Health(), Metrics(CollectorRegistry())
    metrics.reconciles.labels("ok").inc()
    metrics.expose(lambda: Figures({"Pod": 3.0}, {("Ready", "True"): 2}, 1))
    app = management.application(metrics.registry, lambda: health.fault, lambda: health.ready)
    runner = await management.serve(app, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", health
    await runner.cleanup()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_it_lives_until_it_has_a_reason_to_be_restarted(listener: tuple[str, Health]) -> None:
    url, health = listener
    assert await get(f"{url}/livez") == (200, "ok")

    health.fault = "a pass has been running for 900 s"

    assert await get(f"{url}/livez") == (500, "a pass has been running for 900 s")


async def test_it_is_ready_after_the_first_lists(listener: tuple[str, Health]) -> None:
    url, health = listener
    assert (await get(f"{url}/readyz"))[0] == 503

    health.ready = True

    assert await get(f"{url}/readyz") == (200, "ok")


async def test_metrics_are_exposed(listener: tuple[str, Health]) -> None:
    status, text = await get(f"{listener[0]}/metrics")

    assert status == 200
    for line in (
        'memory_operator_reconciles_total{result="ok"} 1.0',
        'memory_operator_watch_age_seconds{kind="Pod"} 3.0',
        'memory_operator_memories{condition="Ready",status="True"} 2.0',
        "memory_operator_tenants 1.0",
    ):
        assert line in text.splitlines()
