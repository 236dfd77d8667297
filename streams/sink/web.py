"""What a sink answers over HTTP: metrics, whether it lives and is ready."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from prometheus_client import CollectorRegistry

from schemas.errors import SettingsError
from streams.metrics.exposition import exposition_of
from streams.sink.health import Health


@contextlib.asynccontextmanager
async def serving(host: str, port: int, *, registry: CollectorRegistry, health: Health) -> AsyncIterator[int]:
    """Serve until the block is left, and give the port: the one that is wanted, or any that is free for 0.

    Raises SettingsError where nobody can listen there.
    """
    runner = web.AppRunner(_application(registry, health), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"CREDITS_WEB_HOST and CREDITS_SINK_WEB_PORT are {host}:{port}, where nobody can listen: {error.strerror}"
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _application(registry: CollectorRegistry, health: Health) -> web.Application:
    async def metrics(_request: web.Request) -> web.Response:
        body, content_type = exposition_of(registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        reasons = health.unready()
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    return application
