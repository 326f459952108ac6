"""The real application with memories of several kinds, whose stored state can be looked at whole and put back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import redis

from tests.memory_service.fuzz.asking import MEMORIES, Request
from tests.memory_service.fuzz.shapes import Known
from tests.memory_service.web.harness import Api, Valkey, build, entry

OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "support": {
        "workingMemory": {
            "enabled": True,
            "schema": {"type": "object", "properties": {"age": {"type": "integer"}}, "maxProperties": 5},
        },
        "semanticRecall": {
            "filterable": [
                {"key": "topic", "type": "keyword"},
                {"key": "n", "type": "integer"},
                {"key": "ok", "type": "bool"},
                {"key": "at", "type": "datetime"},
            ]
        },
        "ttl": {"after": "30d", "maxAge": "90d", "refresh": "read"},
    },
    "tight": {
        "limits": {"messageBytes": 300, "threadMessages": 6, "metadataKeys": 2, "threads": 9, "bytes": 4000},
        "semanticRecall": {"enabled": False},
    },
    "owned": {
        "workingMemory": {"enabled": True, "scope": "owner", "template": "# Notes"},
        "privacy": {"redact": ["secret-[0-9]+", "charged\\s"], "excludeRoles": ["tool"]},
        "ttl": {"after": "30d", "required": True},
    },
    "plain": {},
    "sliding": {"window": {"messages": 4, "tokens": 200}, "semanticRecall": {"enabled": False}},
    "flushed": {"flushing": {"type": "lru", "maxMessages": 6, "threshold": 0.5}, "ttl": {"after": "30d"}},
}
"""Everything on; tight limits; one document an owner, with privacy; no options at all; a window; flushing by itself."""
RENEWED: Final = ("support", "flushed")
"""Memories where reading writes: it renews the time of a thread, or notes what was read."""

_LOOK: Final = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '{*')) do
  found[#found + 1] = {key, redis.sha1hex(redis.call('DUMP', key)), redis.call('PEXPIRETIME', key)}
end
return found
"""
_KEEP: Final = (
    "for _, key in ipairs(redis.call('KEYS', '{*')) do redis.call('COPY', key, 'kept:' .. key, 'REPLACE') end"
)
_PUT_BACK: Final = """
for _, key in ipairs(redis.call('KEYS', '{*')) do redis.call('DEL', key) end
for _, key in ipairs(redis.call('KEYS', 'kept:*')) do redis.call('COPY', key, string.sub(key, 6)) end
"""

Look = Mapping[bytes, tuple[bytes, int]]
"""Every key with the digest of its value and the instant when it expires."""


@dataclass(frozen=True)
class Answer:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class World:
    """One application over a server of its own. Every step begins from the same stored state."""

    api: Api
    runner: asyncio.Runner
    client: redis.Redis
    known: dict[str, Known] = field(default_factory=dict)
    seeded: Look = field(default_factory=dict)

    def look(self) -> Look:
        """Everything that is stored."""
        return {key: (digest, expires) for key, digest, expires in self.client.eval(_LOOK, 0)}

    def put_back(self) -> None:
        """Undo whatever was written since the seeding."""
        self.client.eval(_PUT_BACK, 0)

    def ask(self, request: Request) -> Answer:
        """The answer to a request."""
        return self.runner.run(self._ask(request))

    async def _ask(self, request: Request) -> Answer:
        headers = list(request.headers)
        if request.body:
            headers.insert(0, (b"content-length", b"%d" % len(request.body)))
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http", "method": request.route.method, "raw_path": request.target, "query_string": request.query,
            "path": unquote_to_bytes(request.target).decode(errors="replace"), "headers": headers,
            "http_version": "1.1", "scheme": "http", "root_path": "", "server": ("memory", 80),
        }  # fmt: skip

        asked = iter([{"type": "http.request", "body": request.body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            return next(asked, None) or await asyncio.Future()  # nobody hangs up

        async def send(message: Any) -> None:
            sent.append(message)

        await asyncio.wait_for(self.api.app(scope, receive, send), 20)
        answered = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:]))


@contextlib.contextmanager
def world(valkey: Valkey) -> Iterator[World]:
    """The world, seeded; everything ends with the block."""
    with asyncio.Runner() as runner, contextlib.closing(redis.Redis.from_url(valkey.url)) as client:
        api = runner.run(_built(valkey.url))
        made = World(api, runner, client)
        for memory in MEMORIES:
            made.known[memory] = runner.run(_seed(api, memory))
        client.eval(_KEEP, 0)
        made.seeded = made.look()
        yield made
        runner.run(api.close())


async def _built(url: str) -> Api:
    return build(url, [entry(memory, options=OPTIONS[memory]) for memory in MEMORIES])


async def _seed(api: Api, memory: str) -> Known:
    """Fill a memory; what there is to refer to."""
    base = f"/v1/memories/{memory}"
    window = {} if "flushing" in OPTIONS[memory] else {"max_messages": 2}
    said = [
        {"content": "hi", "metadata": {"topic": "billing"}},
        {"content": "yes", "role": "assistant"},
        {"content": "ok"},
    ]
    answers = [
        await api.ask("POST", f"{base}/threads/t/messages", {"messages": said}, headers={"Idempotency-Key": "seeded"}),
        await api.ask("PUT", f"{base}/threads/u", {"owner": "ada", "title": "U", "pinned": True} | window),
        await api.ask("POST", f"{base}/threads/u/messages", {"messages": said[:2]}),
        await api.ask("POST", f"{base}/threads/b/messages", "to be cleared"),
        await api.ask("POST", f"{base}/threads/full/messages", {"messages": [{"content": "m"}] * 6}),
    ]
    for each in answers:
        assert each.status_code in (200, 201), each.text
    cleared = await api.ask("DELETE", f"{base}/threads/b/messages?backup=true")
    for place in ("threads/t", "owners/ada"):
        for content in ({"age": 5}, "text"):
            await api.ask("PUT", f"{base}/{place}/working-memory", {"content": content})
    listed = [
        "/v1/memories",
        f"{base}/threads",
        f"{base}/threads/t/messages",
        f"{base}/owners",
        f"{base}/owners/ada/threads",
    ]
    pages = [(await api.ask("GET", f"{path}?limit=1")).json() for path in listed]
    pages.append((await api.ask("GET", f"{base}/threads/full/messages?limit=2&order=desc")).json())
    return {
        "cursors": _those(page.get("next_cursor") for page in pages),
        "ids": _those(answers[0].json()["ids"]),
        "backups": _those([cleared.json()["backup_id"]]),
        "versions": _those(str(each.json()["version"]) for each in answers),
        "positions": _those([answers[0].headers["memory-consistency"]]),
        "lines": (await api.ask("POST", f"{base}/export")).text.splitlines(),
    }


def _those(found: Any) -> Sequence[str]:
    return [str(each) for each in found if each]
