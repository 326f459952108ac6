"""The adapter of the port ServicePods: `GET http://<pod ip>:9464/loaded` from each pod at once."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

import aiohttp
from memory_crd import names

from memory_operator import reports
from memory_operator.doubts import Doubts
from memory_operator.kinds import Manifest
from memory_operator.reports import PodReport

ANSWER_SECONDS: Final = 2.0


class HttpServicePods:
    """Asks pods, and believes them with the patience of `doubts`."""

    def __init__(self, session: aiohttp.ClientSession, doubts: Doubts, port: int = names.PORT_MANAGEMENT) -> None:
        self._session = session
        self._doubts = doubts
        self._port = port

    async def ask(self, pods: Iterable[Manifest]) -> tuple[PodReport, ...]:
        """Return one report a pod, in order of name."""
        ordered = sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
        return tuple(await asyncio.gather(*(self._ask_one(pod) for pod in ordered)))

    def forget_all_but(self, uids: set[str]) -> None:
        """Drop what was remembered of pods that are gone."""
        self._doubts.forget_all_but(uids)

    async def _ask_one(self, pod: Manifest) -> PodReport:
        name, uid = str(pod["metadata"]["name"]), str(pod["metadata"]["uid"])
        try:
            report = reports.parse(name, await self._fetch(pod["status"]["podIP"]))
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            report = PodReport(name, error=f"{type(error).__name__} on port {self._port}")
        return self._doubts.weigh(uid, report)

    async def _fetch(self, ip: str) -> Any:
        host = f"[{ip}]" if ":" in ip else ip
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with self._session.get(f"http://{host}:{self._port}/loaded", timeout=timeout) as answer:
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            return json.loads(await answer.read())
