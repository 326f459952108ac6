"""What most teams would write first: FastAPI, pydantic and redis-py, with the behaviour of our append and read.

A thread is a list of JSON messages and a hash of counters; appends are one MULTI. The read of the newest N answers the
same document with the same headers. It is the other side of `python -m bench.read_newest`, and nothing else uses it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import redis.asyncio
from fastapi import Depends, FastAPI, Header, HTTPException, Path, Query, Request, Response
from prometheus_client import Counter, Histogram
from pydantic import BaseModel, Field

TTL_SECONDS = 30 * 86_400
store = redis.asyncio.Redis.from_url(os.environ["PLAIN_REDIS"], max_connections=64)
ThreadId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_:\-@.]{1,255}$")]


class NewMessage(BaseModel):
    """What is sent."""

    model_config = {"extra": "forbid"}
    role: Literal["user", "assistant", "system", "tool"]
    content: Annotated[str, Field(min_length=1, max_length=65_536)]
    metadata: dict[str, Any] | None = None


class Batch(BaseModel):
    """Several at once."""

    model_config = {"extra": "forbid"}
    messages: Annotated[list[NewMessage], Field(max_length=1_000)]


class Message(BaseModel):
    """What is kept and answered."""

    id: str
    role: str
    content: str
    timestamp: datetime
    tokens: int
    metadata: dict[str, Any] | None = None


class Messages(BaseModel):
    """The newest messages, oldest first."""

    thread: str
    messages: list[Message]
    total: int
    version: int
    next_cursor: str | None = None


async def caller(authorization: Annotated[str, Header()] = "") -> None:
    """401 without the key."""
    if not hmac.compare_digest(authorization, "Bearer " + os.environ["PLAIN_TOKEN"]):
        raise HTTPException(401, "unauthenticated")


@asynccontextmanager
async def lifespan(_: FastAPI) -> Any:
    """Close the pool at the end."""
    yield
    await store.aclose()


app = FastAPI(lifespan=lifespan, dependencies=[Depends(caller)])
ANSWERED = Counter("plain_requests", "Answered requests.", ["route", "method", "status"])
SECONDS = Histogram("plain_request_seconds", "How long they took.", ["route"])


@app.middleware("http")
async def observed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """What every answer carries and every operator counts."""
    began = time.perf_counter()
    response = await call_next(request)
    seconds = time.perf_counter() - began
    route = getattr(request.scope.get("route"), "path", "unmatched")
    ANSWERED.labels(route, request.method, response.status_code).inc()
    SECONDS.labels(route).observe(seconds)
    response.headers["X-Request-Id"] = request.headers.get("X-Request-Id", secrets.token_hex(12))
    response.headers["traceresponse"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    response.headers["Server-Timing"] = f"total;dur={seconds * 1000:.3f}"
    return response


THREAD = "/v1/memories/{memory}/threads/{thread}/messages"


@app.post(THREAD)
async def append(memory: str, thread: ThreadId, batch: Batch, response: Response) -> dict[str, Any]:
    """Add messages at the end; the time to live starts again."""
    key = f"plain:{memory}:{thread}"
    first = await store.hincrby(key + ":head", "seq", len(batch.messages)) - len(batch.messages) + 1
    now = datetime.now(UTC)
    made = [
        Message(
            id=f"1-{first + number}", role=one.role, content=one.content, timestamp=now,
            tokens=-(-len(one.content) // 4), metadata=one.metadata,
        )
        for number, one in enumerate(batch.messages)
    ]  # fmt: skip
    async with store.pipeline(transaction=True) as step:
        step.rpush(key, *(message.model_dump_json(exclude_none=True) for message in made))
        step.hincrby(key + ":head", "version", 1)
        step.expire(key, TTL_SECONDS)
        step.expire(key + ":head", TTL_SECONDS)
        total, version, *_ = await step.execute()
    response.headers["ETag"] = f'"{version}"'
    return {"appended": len(made), "ids": [message.id for message in made], "total": total, "version": version}


@app.get(THREAD, response_model=Messages, response_model_exclude_none=False)
async def read(
    memory: str, thread: ThreadId, response: Response, last: Annotated[int, Query(ge=1, le=1_000)] = 50
) -> Any:
    """The newest `last` messages."""
    key = f"plain:{memory}:{thread}"
    async with store.pipeline(transaction=True) as step:
        step.lrange(key, -last, -1)
        step.llen(key)
        step.hget(key + ":head", "version")
        items, total, version = await step.execute()
    response.headers["ETag"] = f'"{int(version or 0)}"'
    return Messages(
        thread=thread,
        messages=[Message.model_validate_json(item) for item in items],
        total=total,
        version=int(version or 0),
    )
