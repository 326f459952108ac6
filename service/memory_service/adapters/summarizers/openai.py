"""An OpenAI-compatible chat model: OpenAI, vLLM, Ollama and their kind, by `POST {url}/chat/completions`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from memory_service.adapters.endpoint import Endpoint, EndpointFault
from memory_service.errors import SummaryFailed
from memory_service.model.facts import Circuit
from memory_service.policies.breaker import Breaker

if TYPE_CHECKING:
    import aiohttp

DEADLINE_SECONDS: Final = 20.0
"""Of all attempts together, waiting included: who asks for a flush waits no longer than this for its summary."""
_ATTEMPT: Final = 0.75
"""Share of that for one attempt. Less than all: of two time limits that end at once, one is lost."""
ANSWER_BYTES: Final = 1 << 20

_OPENAI: Final = "api.openai.com"
"""Its newer models refuse `max_tokens`; other servers do not know its name for that."""


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct):
    choices: list[_Choice]


_decode: Final = msgspec.json.Decoder(_Answer).decode


class OpenAiSummarizer:
    """One model at one endpoint; `api_key` as Endpoint has it."""

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        *,
        url: str,
        model: str,
        api_key: Callable[[], str | None],
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self._endpoint = Endpoint(session, url, api_key, _ATTEMPT * deadline, ANSWER_BYTES)
        self._model = model
        self._deadline = deadline
        self._breaker = Breaker(time.monotonic)
        self._bound = "max_completion_tokens" if urlsplit(url).hostname == _OPENAI else "max_tokens"

    @property
    def circuit(self) -> Circuit:
        """The state of the way to the model."""
        return self._breaker.state

    async def complete(self, instructions: str, text: str, *, tokens: int) -> str:
        """What the model says of a text, in at most so many of its own tokens. Raises SummaryFailed."""
        said = [{"role": "system", "content": instructions}, {"role": "user", "content": text}]
        body = msgspec.json.encode({"model": self._model, "messages": said, self._bound: tokens, "stream": False})
        if not self._breaker.admit():
            raise SummaryFailed(f"{self._model} is not asked now: {self._breaker.silence}")
        with self._breaker.counting(SummaryFailed):
            raw = await self._asked(body)
        return _text(raw)

    async def _asked(self, body: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._endpoint.post("/chat/completions", body)
        except EndpointFault as fault:
            raise SummaryFailed(fault.detail, reason=fault.reason) from fault
        except TimeoutError as error:
            raise SummaryFailed(f"{self._model} did not answer within {self._deadline:g} s") from error


def _text(raw: bytes) -> str:
    try:
        choices = _decode(raw).choices
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SummaryFailed(f"the answer is no chat completion: {error}", reason="ModelFailed") from error
    text = (choices[0].message.content or "").strip() if choices else ""
    if not text:
        raise SummaryFailed("the model said nothing", reason="ModelFailed")
    return text
