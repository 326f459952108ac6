"""Tasks while Redis is away: an error that can be told apart, and the branch to go on with."""

from __future__ import annotations

from pathlib import Path

from tests.memory_service.operations.keyed.asking import Tasks
from tests.memory_service.web.harness import Valkey, build, entry, problem


async def test_without_redis_a_task_fails_into_its_error_branch_and_health_is_false(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    server.start()
    tasks = Tasks(build(server.url, [entry()]), server.url)
    try:
        await tasks.fill("k", 1)
        server.stop()
        failed = await tasks.send({"operation": "append", "key": "k", "payload": "x", "on_error": {"next": "later"}})
        health = await tasks.do("health")
        results = await tasks.each({"operation": "read", "key": "k"}, {"operation": "stats", "pattern": "*"})
    finally:
        await tasks.api.close()
        server.stop()

    assert problem(failed, 503, "storage_unavailable")["next"] == "later"
    assert (health["healthy"], health["status"]) == (False, "failed")
    assert "the store does not answer" in health["reasons"][0]
    assert [result["error"]["code"] for result in results] == ["storage_unavailable"] * 2
