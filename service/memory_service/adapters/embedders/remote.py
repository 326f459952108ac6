"""The service's way to the worker: one unix socket, over which questions become vectors and checks are asked for.

Needs no numpy and no model: vectors arrive as bytes and leave as tuples.
"""

from __future__ import annotations

import asyncio
import base64
import time
from array import array
from collections.abc import Mapping
from typing import Final

import aiohttp
import msgspec
from memory_crd.status import Reason

from memory_service.errors import EmbedderUnavailable, Refused, StorageUnavailable, Timeout, VectorUnavailable
from memory_service.model.facts import Check, Circuit
from memory_service.model.outbox import Audit
from memory_service.model.search import QueryVectors, SparseVector
from memory_service.policies.breaker import Breaker

QUERY_SECONDS: Final = 1.5
"""A question that takes longer to embed is asked by words instead."""
CHECKS_SECONDS: Final = 2.0
AUDIT_SECONDS: Final = 60.0
"""How long one who asks for an audit is kept waiting; it goes on without them."""


class EmbedAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What POST /embed answers: base64 of little-endian 32-bit floats a text; what is missing is null, with why."""

    model: str | None = None
    vectors: list[str] | None = None
    words: list[SparseVector] | None = None
    reason: str | None = None
    message: str = ""


class EmbedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /embed: questions to one memory; without `meaning` only their words are wanted."""

    memory: str
    texts: list[str]
    meaning: bool = True


class AuditRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /audit."""

    memory: str


class AuditAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What POST /audit answers: what was found, or the code of what stood in the way."""

    audit: Audit | None = None
    code: str | None = None
    message: str = ""


_decode_audit = msgspec.json.Decoder(AuditAnswer).decode
_decode_checks = msgspec.json.Decoder(dict[str, dict[str, Check]]).decode
_decode_answer = msgspec.json.Decoder(EmbedAnswer).decode


class WorkerSocket:
    """The worker behind a unix socket, as embedder of questions and as reporter of checks."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._session: aiohttp.ClientSession | None = None

    def of(self, memory_id: str) -> RemoteEmbedder:
        """The embedder of one memory's questions."""
        return RemoteEmbedder(self, memory_id)

    async def checks(self) -> Mapping[str, Mapping[str, Check]]:
        """Vector, embedder and index of every memory. Raises EmbedderUnavailable when the worker does not answer."""
        raw = await self.ask("GET", "/checks", None, seconds=CHECKS_SECONDS)
        return _decode_checks(raw)

    async def audit(self, memory_id: str) -> Audit:
        """Compare a memory's history and vectors now.

        Raises Refused `busy` while another audit runs, Timeout, StorageUnavailable, VectorUnavailable, and
        EmbedderUnavailable when the worker does not answer.
        """
        body = msgspec.json.encode(AuditRequest(memory_id))
        try:
            async with asyncio.timeout(AUDIT_SECONDS):
                answer = _decode_audit(await self.ask("POST", "/audit", body, seconds=2 * AUDIT_SECONDS))
        except TimeoutError as error:
            text = f"the audit takes longer than {AUDIT_SECONDS:g} s and goes on in the worker"
            raise Timeout(f"{text}; memory_orphan_vectors tells what it finds") from error
        except msgspec.DecodeError as error:
            raise EmbedderUnavailable(f"memory-worker is of another version: {error}") from error
        if answer.audit is not None:
            return answer.audit
        if answer.code == "busy":
            raise Refused("busy", f"{answer.message}; try again when it is done")
        raise (VectorUnavailable if answer.code == VectorUnavailable.code else StorageUnavailable)(answer.message)

    async def ask(self, method: str, path: str, body: bytes | None, *, seconds: float) -> bytes:
        """The body of a 200. Raises EmbedderUnavailable."""
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._open().request(method, f"http://worker{path}", data=body, timeout=timeout) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EmbedderUnavailable(f"memory-worker does not answer: {type(error).__name__}: {error}") from error
        if answer.status != 200:
            said = raw[:200].decode(errors="replace")
            raise EmbedderUnavailable(f"memory-worker answered {answer.status}: {said}", reason=Reason.LOADING)
        return raw

    def _open(self) -> aiohttp.ClientSession:
        if self._path is None:
            raise EmbedderUnavailable("no worker runs beside this service: start it with --socket")
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(self._path, limit=32))
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class RemoteEmbedder:
    """QueryEmbedder of one memory, over the worker's socket."""

    def __init__(self, worker: WorkerSocket, memory_id: str) -> None:
        self._worker = worker
        self._memory_id = memory_id
        self._breaker = Breaker(time.monotonic)

    @property
    def circuit(self) -> Circuit:
        """The state of the way to this memory's embedder."""
        return self._breaker.state

    async def query(self, text: str, *, meaning: bool = True) -> QueryVectors:
        """The question as vectors; an answer without them says why."""
        if not self._breaker.admit():
            return QueryVectors(reason=Reason.UNREACHABLE, message=self._breaker.silence)
        try:
            answer = _decode_answer(await self._asked(EmbedRequest(self._memory_id, [text], meaning)))
        except EmbedderUnavailable as error:
            return QueryVectors(reason=error.reason, message=error.detail)
        except msgspec.DecodeError as error:
            return QueryVectors(reason=Reason.UNREACHABLE, message=f"memory-worker is of another version: {error}")
        return QueryVectors(
            dense=_floats(answer.vectors[0]) if answer.vectors else None,
            sparse=answer.words[0] if answer.words else None,
            reason=answer.reason,
            message=answer.message,
        )

    async def _asked(self, request: EmbedRequest) -> bytes:
        """The worker's answer; its silence is counted. Raises EmbedderUnavailable."""
        with self._breaker.counting(EmbedderUnavailable):
            return await self._worker.ask("POST", "/embed", msgspec.json.encode(request), seconds=QUERY_SECONDS)


def _floats(encoded: str) -> tuple[float, ...]:
    values = array("f")
    values.frombytes(base64.b64decode(encoded))
    return tuple(values)
