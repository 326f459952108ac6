"""The two HTTP listeners of the worker: a unix socket for the service beside it, a port for metrics and probes."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web
from memory_crd.status import Reason

from memory_service.adapters.embedders import words
from memory_service.adapters.embedders.remote import AuditAnswer, AuditRequest, EmbedAnswer, EmbedRequest
from memory_service.errors import TextRefused, Unavailable
from memory_service.metrics import Families
from memory_service.settings import Address
from memory_service.worker.embedding import no_embedder
from memory_service.worker.lease import LeaseLost
from memory_service.worker.subject import Subject

if TYPE_CHECKING:
    from memory_service.worker.crew import Crew

MAX_TEXTS: Final = 64
BODY_BYTES: Final = 4 * 2**20

log = logging.getLogger(__name__)


async def answer(subject: Subject, texts: list[str], *, meaning: bool = True) -> EmbedAnswer:
    """Questions to one memory as vectors; what cannot be made is left out, and the answer says why."""
    asked = [words.question(text) for text in texts]
    if not meaning:
        return EmbedAnswer(words=asked)
    started = subject.clock()
    try:
        if subject.embedder is None:
            raise no_embedder()
        if subject.board.reindexing:
            return EmbedAnswer(words=asked, reason=Reason.REINDEXING, message=subject.board.vector.message)
        vectors = await subject.embedder.embed(texts, urgent=True)
    except Unavailable as error:
        subject.board.failed("embedder", error)
        return EmbedAnswer(words=asked, reason=error.reason, message=error.detail)
    except TextRefused as error:
        return EmbedAnswer(words=asked, reason=Reason.MODEL_FAILED, message=str(error))
    subject.board.worked("embedder", round((subject.clock() - started) * 1000, 3))
    encoded = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]
    return EmbedAnswer(model=subject.embedder.name, vectors=encoded, words=asked)


class SocketApp:
    """POST /embed, GET /checks and POST /audit, for the service in the same pod only."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._decode = msgspec.json.Decoder(EmbedRequest).decode
        self._decode_audit = msgspec.json.Decoder(AuditRequest).decode
        self._encode = msgspec.json.Encoder().encode

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_post("/embed", self._embed)
        app.router.add_get("/checks", self._checks)
        app.router.add_post("/audit", self._audit)
        return app

    async def _embed(self, request: web.Request) -> web.Response:
        try:
            asked = self._decode(await request.read())
        except msgspec.DecodeError as error:
            return web.Response(status=400, text=f"not an embed request: {error}")
        if not 1 <= len(asked.texts) <= MAX_TEXTS:
            return web.Response(status=400, text=f"texts: 1 to {MAX_TEXTS} at once")
        subject = self._crew.subject(asked.memory)
        if subject is None:
            return web.Response(status=404, text=f"memory {asked.memory!r} is not loaded here")
        return self._json(await answer(subject, asked.texts, meaning=asked.meaning))

    async def _audit(self, request: web.Request) -> web.Response:
        """It goes on when the asker has left: what it repairs needs no reader."""
        try:
            asked = self._decode_audit(await request.read())
        except msgspec.DecodeError as error:
            return web.Response(status=400, text=f"not an audit request: {error}")
        if self._crew.subject(asked.memory) is None:
            return web.Response(status=404, text=f"memory {asked.memory!r} is not loaded here")
        try:
            return self._json(AuditAnswer(audit=await self._crew.audit(asked.memory)))
        except LeaseLost as error:
            return self._json(AuditAnswer(code="busy", message=str(error)))
        except Unavailable as error:
            return self._json(AuditAnswer(code=error.code, message=error.detail))

    async def _checks(self, _: web.Request) -> web.Response:
        return self._json({subject.id: subject.board.checks() for subject in self._crew.subjects()})

    def _json(self, value: object) -> web.Response:
        return web.Response(body=self._encode(value), content_type="application/json")


class ManagementApp:
    """GET /livez, /readyz and /metrics. Ready is: definitions were read and the socket listens."""

    def __init__(self, crew: Crew, metrics: Families) -> None:
        self._crew = crew
        self._metrics = metrics

    def app(self) -> web.Application:
        """The application."""
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._scrape)
        return app

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        """Whatever the stores do: they are named in the body, and their absence makes no worker unready."""
        reasons = {
            subject.id: {part: check.reason for part, check in subject.board.checks().items()}
            for subject in self._crew.subjects()
        }
        body = {"ready": self._crew.loaded, "memories": reasons}
        return web.Response(
            status=200 if self._crew.loaded else 503, body=msgspec.json.encode(body), content_type="application/json"
        )

    async def _scrape(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


@asynccontextmanager
async def serving(crew: Crew, metrics: Families, *, path: str | None, management: Address) -> AsyncIterator[Address]:
    """Both listeners, while the block runs; gives the management address in use (port 0 takes a free one)."""
    runners = [web.AppRunner(ManagementApp(crew, metrics).app(), access_log=None)]
    sites: list[web.BaseSite] = []
    if path is not None:
        runners.append(web.AppRunner(SocketApp(crew).app(), access_log=None))
    for runner in runners:
        await runner.setup()
    try:
        bound = _bind(management)
        sites.append(web.SockSite(runners[0], bound))
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            sites.append(web.UnixSite(runners[1], path))
        for site in sites:
            await site.start()
        yield Address(management.host, bound.getsockname()[1])
    finally:
        for runner in runners:
            await runner.cleanup()


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((address.host, address.port))
    return bound
