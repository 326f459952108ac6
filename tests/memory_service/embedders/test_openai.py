"""An OpenAI-compatible endpoint, played by a real HTTP server on loopback."""

import base64
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import stamina
from aiohttp import web
from memory_crd.memory import EnvRef, SecretRef
from memory_service.adapters.credentials import KeyMissing, api_key
from memory_service.adapters.embedders.openai import OpenAiEmbedder, cut
from memory_service.errors import EmbedderUnavailable, TextRefused


@dataclass
class Endpoint:
    """Answers two numbers a text: its length and one. `script` holds answers that come first."""

    url: str = ""
    asked: list[dict] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    script: list[web.Response] = field(default_factory=list)
    as_numbers: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        if self.script:
            return self.script.pop(0)
        rows = [(at, [float(len(text)), 1.0]) for at, text in enumerate(body["input"])]
        data = [{"index": at, "embedding": row if self.as_numbers else packed(row)} for at, row in reversed(rows)]
        return web.json_response({"object": "list", "data": data, "model": body["model"]})


def packed(row: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/embeddings", endpoint.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def embedder(
    session: aiohttp.ClientSession, url: str, *, model: str = "m", key: Callable[[], str | None] = lambda: None
) -> OpenAiEmbedder:
    return OpenAiEmbedder(lambda: session, url=url, model=model, dimensions=2, api_key=key)


@pytest.mark.parametrize("as_numbers", [False, True], ids=["base64", "numbers"])
async def test_vectors_come_in_the_order_of_the_texts(
    endpoint: Endpoint, session: aiohttp.ClientSession, as_numbers: bool
) -> None:
    endpoint.as_numbers = as_numbers
    vectors = await embedder(session, endpoint.url).embed(["a", "bbb", "cc"])
    assert vectors.tolist() == [[1, 1], [3, 1], [2, 1]]
    assert endpoint.asked == [{"model": "m", "encoding_format": "base64", "input": ["a", "bbb", "cc"]}]


async def test_many_texts_go_in_batches(endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
    vectors = await embedder(session, endpoint.url).embed(["x" * (1 + at % 7) for at in range(150)])
    assert vectors[:, 0].tolist() == [1 + at % 7 for at in range(150)]
    assert [len(body["input"]) for body in endpoint.asked] == [64, 64, 22]


async def test_models_that_choose_dimensions_are_told_them(endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
    await embedder(session, endpoint.url, model="text-embedding-3-small").embed(["a"])
    assert endpoint.asked[0]["dimensions"] == 2


async def test_overload_is_tried_again_after_what_the_server_asks(
    endpoint: Endpoint, session: aiohttp.ClientSession
) -> None:
    endpoint.script = [web.Response(status=429, headers={"Retry-After": "0.01"}), web.Response(status=503)]
    with stamina.set_testing(True, attempts=3, cap=True):
        assert (await embedder(session, endpoint.url).embed(["abc"])).tolist() == [[3, 1]]
    assert len(endpoint.asked) == 3


async def test_a_question_is_not_tried_again(endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
    endpoint.script = [web.Response(status=503)]
    with pytest.raises(EmbedderUnavailable) as failed:
        await embedder(session, endpoint.url).embed(["a"], urgent=True)
    assert failed.value.reason == "Unreachable"


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ({"status": 401, "text": "wrong key"}, EmbedderUnavailable, "Unauthorized"),
        ({"status": 404, "text": "no such model"}, EmbedderUnavailable, "ModelFailed"),
        ({"status": 400, "text": "too long"}, TextRefused, None),
        ({"status": 200, "text": "<html>"}, EmbedderUnavailable, "ModelFailed"),
        ({"status": 200, "text": '{"data": []}'}, EmbedderUnavailable, "ModelFailed"),
        ({"status": 200, "text": '{"data": [{"index": 0, "embedding": "!"}]}'}, EmbedderUnavailable, "ModelFailed"),
    ],
)
async def test_what_a_server_answers_is_told_apart(
    endpoint: Endpoint, session: aiohttp.ClientSession, answer: dict, error: type[Exception], reason: str | None
) -> None:
    endpoint.script = [web.Response(**answer)]
    with pytest.raises(error) as failed:
        await embedder(session, endpoint.url).embed(["a"])
    assert getattr(failed.value, "reason", None) == reason


async def test_an_endpoint_that_is_away_is_unreachable(session: aiohttp.ClientSession) -> None:
    with stamina.set_testing(True, attempts=2, cap=True), pytest.raises(EmbedderUnavailable) as failed:
        await embedder(session, "http://127.0.0.1:9/v1").embed(["a"])
    assert failed.value.reason == "Unreachable"


async def test_a_secret_that_appears_later_heals_the_embedder(
    endpoint: Endpoint, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    key = api_key(SecretRef("openai", "apiKey"), tmp_path, {})
    with pytest.raises(EmbedderUnavailable, match=r"create Secret 'openai' .* key 'apiKey'") as failed:
        await embedder(session, endpoint.url, key=key).embed(["a"])
    assert failed.value.reason == "SecretMissing"
    (tmp_path / "openai").mkdir()
    (tmp_path / "openai/apiKey").write_text("sk-test\n")
    await embedder(session, endpoint.url, key=key).embed(["a"])
    assert endpoint.keys == ["Bearer sk-test"]


def test_env_templates_read_the_mounted_secret_and_never_the_process_of_a_pod(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/KEY").write_text("mounted")
    assert api_key(EnvRef("KEY"), tmp_path, {"KEY": "process"})() == "mounted"
    assert api_key(EnvRef("KEY"), None, {"KEY": "process"})() == "process"
    assert api_key(None, tmp_path, {})() is None
    with pytest.raises(KeyMissing, match="memory-env"):
        api_key(EnvRef("OTHER"), tmp_path, {"OTHER": "process"})()


def test_without_a_folder_of_secrets_the_file_and_the_option_are_named() -> None:
    with pytest.raises(KeyMissing, match=r"file openai/apiKey in the folder that --secrets \(MEMORY_SECRETS\) names"):
        api_key(SecretRef("openai", "apiKey"), None, {})()


def test_long_texts_are_cut_between_characters() -> None:
    assert cut("é" * 10, most=5) == "éé"
    assert cut("short", most=24_000) == "short"
