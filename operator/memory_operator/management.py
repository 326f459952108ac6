"""The management listener: `/livez`, `/readyz` and `/metrics` for kubelet and Prometheus."""

from collections.abc import Callable
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

HEADERS: Final = {"Cache-Control": "no-store"}


def application(registry: CollectorRegistry, fault: Callable[[], str], is_ready: Callable[[], bool]) -> web.Application:
    """Return the listener's application. `fault` says why the process should be restarted, empty for no reason."""

    async def livez(_: web.Request) -> web.Response:
        why = fault()
        return web.Response(status=500 if why else 200, text=why or "ok", headers=HEADERS)

    async def readyz(_: web.Request) -> web.Response:
        ready = is_ready()
        text = "ok" if ready else "the first LIST of every kind is not finished"
        return web.Response(status=200 if ready else 503, text=text, headers=HEADERS)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={**HEADERS, "Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen; the caller cleans the runner up. Raises OSError when the address is taken."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
