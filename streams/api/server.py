"""The HTTP server of a worker: one application, run as a service beside Faust's own.

It listens from the start on, so that a worker that is not ready can say so, and until the partition numbers are closed. Every
wait in it has an end, and nothing in it holds the worker's loop.
"""

import time

from aiohttp import web
from mode import Service
from prometheus_client import CollectorRegistry

from creditstream.registry import Registry
from schemas.catalog import Catalog
from streams.api.emitting import Bounds, Emitting
from streams.api.forwarding import Forwarding
from streams.api.guards import Guards, Route
from streams.api.held import Held
from streams.api.limits import Limits
from streams.api.listening import address_of
from streams.api.openapi import document
from streams.api.owners import Owners
from streams.api.reading import Reading
from streams.api.sender import Sender
from streams.api.tokens import Role, Tokens
from streams.metrics import WorkerMetrics
from streams.settings import WorkerSettings
from streams.worker.partitions import Partitions
from streams.worker.web import Pages

_FINISH_SECONDS = 2
_IDLE_SECONDS = 60


class WebServer(Service):
    """Listens at CREDITS_WEB_HOST and CREDITS_WEB_PORT while the worker runs."""

    mundane_level = "debug"

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        catalog: Catalog,
        partitions: Partitions,
        metrics: WorkerMetrics,
        registry: CollectorRegistry,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._sender = Sender(settings.kafka, seconds=settings.http_send_seconds)
        self._owners = Owners(settings.kafka, address=address_of(settings), sender=self._sender, opened=partitions.opened)
        self._forwarding = Forwarding(self._owners, metrics.http_forwarded_total)
        limits = Limits(settings.http_rate, clock=time.monotonic)
        reading = Reading(Held(partitions.opened), self._forwarding, catalog=catalog, partition_count=settings.partition_count)
        names = None if settings.registry is None else Registry(settings.registry)
        bounds = Bounds(settings.http_body_bytes, settings.http_events, settings.partition_count)
        routes = _routes(reading, Emitting(self._sender, limits, bounds, registry=names), Pages(partitions, registry))
        tokens = None if settings.tokens_file is None else Tokens(settings.tokens_file)
        guards = Guards(routes, tokens=tokens, limits=limits, metrics=metrics)
        self._runner = web.AppRunner(
            application(routes, guards, body_bytes=settings.http_body_bytes),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_FINISH_SECONDS,
            keepalive_timeout=_IDLE_SECONDS,
        )

    async def on_start(self) -> None:
        """Listen, and begin to follow who owns what."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.web_host, self._settings.web_port).start()
        self.add_future(self._owners.follow())
        self.add_future(self._owners.tell())

    async def on_stop(self) -> None:
        """Finish what was asked, for some seconds, and let go of all connections."""
        await self._runner.cleanup()
        await self._forwarding.close()
        await self._sender.close()


def application(routes: list[Route], guards: Guards, *, body_bytes: int) -> web.Application:
    """Put routes and guards together."""
    made = web.Application(client_max_size=body_bytes, middlewares=guards.middlewares())
    for route in routes:
        made.router.add_route(route.method, route.path, route.handler)
    return made


def _routes(reading: Reading, emitting: Emitting, pages: Pages) -> list[Route]:
    return [
        Route("GET", "/v1/balances/{organization_id}/{customer_id}", reading.balances, Role.READER),
        Route("GET", "/v1/explain/{organization_id}/{customer_id}/{event_id}", reading.explanation, Role.READER),
        Route("POST", "/v1/events", emitting.take, Role.EMITTER),
        Route("GET", "/v1/openapi.json", _openapi, None),
        Route("GET", "/healthz", pages.healthz, None),
        Route("GET", "/readyz", pages.readyz, None),
        Route("GET", "/metrics", pages.metrics, None),
        Route("GET", "/partitions", pages.held, Role.OPERATOR),
    ]


async def _openapi(_request: web.Request) -> web.Response:
    """Answer with what this page says of itself."""
    return web.Response(text=document(), content_type="application/json")
