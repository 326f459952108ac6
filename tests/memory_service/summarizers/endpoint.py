"""A chat model behind the real protocol: an HTTP server on loopback that answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[dict[str, Any]], web.Response]


@dataclass
class ChatEndpoint:
    """Answers `says`. `script` holds answers that come first; `pause` is how long it thinks, in seconds."""

    url: str = ""
    says: str = "They talked."
    pause: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    script: list[web.Response] = field(default_factory=list)
    always: Answer | None = None
    before: Callable[[], Any] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        if self.before is not None:
            await self.before()
        await asyncio.sleep(self.pause)
        if self.script:
            return self.script.pop(0)
        return self.always(body) if self.always else completion(self.says)

    @property
    def transcripts(self) -> list[str]:
        """What the model was given to read, call by call."""
        return [body["messages"][1]["content"] for body in self.asked]


def completion(content: object) -> web.Response:
    """An answer as the protocol has it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return web.json_response({"id": "c1", "object": "chat.completion", "choices": [choice], "usage": {}})


@asynccontextmanager
async def serving() -> AsyncIterator[ChatEndpoint]:
    """A running endpoint; gone afterwards."""
    endpoint = ChatEndpoint()
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/chat/completions", endpoint.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield endpoint
    finally:
        await runner.cleanup()
