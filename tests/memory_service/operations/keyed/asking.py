"""Short words for sending tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.memory_service.web.harness import Api, problem


@dataclass
class Tasks:
    """Sends tasks to one application."""

    api: Api
    url: str

    @property
    def tenant(self) -> str:
        """What the application's keys in Redis begin with."""
        return self.api.backends.settings.tenant

    async def send(self, body: Any, memory: str = "support", **more: Any) -> Any:
        """The HTTP answer to a task, or to a list of them."""
        return await self.api.ask("POST", f"/v1/memories/{memory}/operations", body, **more)

    async def do(self, operation: str, key: str | None = "k", **task: Any) -> dict[str, Any]:
        """The output of a task that succeeds."""
        body = {"operation": operation} | ({"key": key} if key is not None else {}) | task
        answer = await self.send(body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["output"])

    async def each(self, *tasks: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        """The results of a list of tasks."""
        answer = await self.send(list(tasks), **more)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    async def refused(self, status: int, code: str, **task: Any) -> dict[str, Any]:
        """The problem document of a task that is refused."""
        return problem(await self.send(task), status, code)

    async def faults(self, **task: Any) -> list[tuple[str, str]]:
        """Path and code of every fault of a task that is refused with 400 or 413."""
        answer = await self.send(task)
        assert answer.status_code in (400, 413), answer.text
        return [(fault["path"], fault["code"]) for fault in answer.json()["errors"]]

    async def contents(self, key: str = "k") -> list[str]:
        """What a key says, oldest first."""
        return await self.api.contents(key, limit=1000)

    async def fill(self, key: str, count: int, **more: Any) -> None:
        """Append messages m1, m2, ..."""
        await self.do("append", key, payload=[f"m{number}" for number in range(1, count + 1)], **more)
