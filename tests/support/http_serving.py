"""A server of the project's own with the guards that every request passes, and handlers that a test gives it."""

import asyncio
import contextlib

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.api.guards import Guards, Route
from streams.api.limits import Limits
from streams.api.server import application
from streams.api.tokens import digest_of
from streams.metrics import WorkerMetrics

DIGEST = digest_of("secret")


def entry(name="billing", *, digest=DIGEST, organizations='["o1"]', roles='["reader"]'):
    """Write a token as a file of tokens has it."""
    return f'[tokens.{name}]\nsha256 = "{digest}"\norganizations = {organizations}\nroles = {roles}\n'


class Served:
    """A server, and what it counted."""

    def __init__(self, address, registry):
        self.address = address
        self.registry = registry
        self.session = aiohttp.ClientSession(address)

    def count(self, route, status):
        """Give how many requests of a route were answered by a status."""
        return self.registry.get_sample_value("credits_http_requests_total", {"route": route, "status": str(status)}) or 0


@contextlib.asynccontextmanager
async def serving(handlers, *, tokens=None, rate=0, body_bytes=2000):
    """Serve handlers by path and role on a free port of the loopback address."""
    registry = CollectorRegistry()
    routes = [Route(method, path, handler, role) for method, path, handler, role in handlers]
    limits = Limits(rate, clock=asyncio.get_running_loop().time)
    guards = Guards(routes, tokens=tokens, limits=limits, metrics=WorkerMetrics(registry))
    runner = web.AppRunner(application(routes, guards, body_bytes=body_bytes))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served = Served(f"http://127.0.0.1:{runner.addresses[0][1]}", registry)
        async with served.session:
            yield served
    finally:
        await runner.cleanup()


async def told(answer):
    """Give the sentence of an error; nothing else is said."""
    body = await answer.json()
    assert set(body) == {"error"}
    return body["error"]["sentence"]
