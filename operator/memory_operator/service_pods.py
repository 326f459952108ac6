"""The adapter of the port ServicePods: `GET http://<pod ip>:9464/loaded` from each pod at once."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import aiohttp
from memory_crd import names

from memory_operator import reports
from memory_operator.kinds import Manifest
from memory_operator.reports import PodReport

ANSWER_SECONDS: Final = 2.0
PATIENCE: Final = 3
"""How many questions in a row a pod may miss before it counts: a busy node is no reason to change a condition.
A pod that is really gone stops being Ready by its own probe meanwhile."""


class HttpServicePods:
    """Asks pods; remembers each one's last answer for the next question or two."""

    def __init__(self, session: aiohttp.ClientSession, port: int = names.PORT_MANAGEMENT) -> None:
        self._session = session
        self._port = port
        self._last: dict[str, tuple[PodReport, int]] = {}

    async def ask(self, pods: Iterable[Manifest]) -> tuple[PodReport, ...]:
        """Return one report a pod, in order of name."""
        ordered = sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
        return tuple(await asyncio.gather(*(self._ask_one(pod) for pod in ordered)))

    def forget_all_but(self, uids: set[str]) -> None:
        """Drop what was remembered of pods that are gone."""
        self._last = {uid: told for uid, told in self._last.items() if uid in uids}

    async def _ask_one(self, pod: Manifest) -> PodReport:
        name, uid = str(pod["metadata"]["name"]), str(pod["metadata"]["uid"])
        try:
            report = reports.parse(name, await self._fetch(pod["status"]["podIP"]))
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            return self._missed(name, uid, f"{type(error).__name__} on port {self._port}")
        self._last[uid] = (report, 0)
        return report

    def _missed(self, name: str, uid: str, why: str) -> PodReport:
        before, misses = self._last.get(uid, (None, 0))
        if before is None or misses + 1 >= PATIENCE:
            self._last.pop(uid, None)
            return PodReport(name, error=why)
        self._last[uid] = (before, misses + 1)
        return replace(before, stale=True)

    async def _fetch(self, ip: str) -> Any:
        host = f"[{ip}]" if ":" in ip else ip
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with self._session.get(f"http://{host}:{self._port}/loaded", timeout=timeout) as answer:
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            return json.loads(await answer.read())
