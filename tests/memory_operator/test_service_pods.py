"""Asking service pods over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from memory_operator.doubts import Doubts
from memory_operator.service_pods import HttpServicePods

from tests.memory_operator.builders import pod

ANSWER = {"pod": "memory-1", "definitionsHash": "abc", "memories": {"u": {"generation": 2, "state": "active"}}}


class Pod:
    """A service pod: answers on loopback as it is told."""

    def __init__(self) -> None:
        self.answer: object = ANSWER
        self.status = 200
        self.port = 0

    async def loaded(self, _: web.Request) -> web.Response:
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[Pod]:
    pod = Pod()
    app = web.Application()
    app.add_routes([web.get("/loaded", pod.loaded)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pod.port = runner.addresses[0][1]
    yield pod
    await runner.cleanup()


@pytest.fixture
async def pods(server: Pod) -> AsyncIterator[HttpServicePods]:
    async with aiohttp.ClientSession() as session:
        yield HttpServicePods(session, Doubts(lambda: 0.0), server.port)


HERE = pod("memory-1", ip="127.0.0.1")


async def test_a_pod_is_asked_what_it_serves(pods: HttpServicePods) -> None:
    [report] = await pods.ask([HERE])

    assert (report.pod, report.digest, report.error) == ("memory-1", "abc", "")
    assert report.memories["u"].generation == 2


async def test_a_pod_that_never_answered_is_an_error_at_once(pods: HttpServicePods, server: Pod) -> None:
    server.answer = ["something", "else"]
    [odd] = await pods.ask([HERE])
    server.status = 404
    [report] = await pods.ask([pod("other", ip="127.0.0.1")])

    assert odd.error
    assert report.error


async def test_no_answer_at_all_is_an_error(server: Pod) -> None:
    async with aiohttp.ClientSession() as session:
        closed = HttpServicePods(session, Doubts(lambda: 0.0), 1)

        [report] = await closed.ask([HERE])

    assert "on port 1" in report.error


async def test_reports_come_in_order_of_name(pods: HttpServicePods) -> None:
    reports = await pods.ask([pod("b", ip="127.0.0.1"), pod("a", ip="127.0.0.1")])

    assert [report.pod for report in reports] == ["a", "b"]


async def test_a_missed_answer_is_doubted_until_the_pod_is_forgotten(pods: HttpServicePods, server: Pod) -> None:
    await pods.ask([HERE])
    server.status = 500

    [doubted] = await pods.ask([HERE])
    pods.forget_all_but(set())
    [believed] = await pods.ask([HERE])

    assert (doubted.stale, doubted.digest) == (True, "abc")
    assert "ValueError" in believed.error
