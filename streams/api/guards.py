"""What every request passes: it is counted and timed, whatever goes wrong becomes JSON, and who asks is known and allowed.

Without a file of tokens the worker listens to its own machine only; then a request that a browser's page of elsewhere makes is
refused, since a page may speak to the loopback address too.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web

from schemas.errors import TransientError
from streams.api.limits import Limits
from streams.api.listening import is_loopback
from streams.api.refused import Refused, not_now
from streams.api.tokens import ANYBODY, Caller, Role, Tokens
from streams.metrics import WorkerMetrics

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OTHER = "other"
CALLER = web.RequestKey("CALLER", Caller)
"""Where a request carries who asks."""


class Route(NamedTuple):
    """A path with what answers it, and the role that it asks for; None where anybody may ask."""

    method: str
    path: str
    handler: Handler
    role: Role | None


class Guards:
    """The middlewares of a worker's application, for the routes that it has."""

    def __init__(self, routes: list[Route], *, tokens: Tokens | None, limits: Limits, metrics: WorkerMetrics) -> None:
        self._roles = {route.path: route.role for route in routes}
        self._tokens = tokens
        self._limits = limits
        self._metrics = metrics

    def middlewares(self) -> list[Any]:
        """Give them in their order, the outermost first."""

        # aiohttp marks what it is given, which a method does not allow.
        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._watch(request, handler)

        @web.middleware
        async def allow(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._allow(request, handler)

        return [watch, allow]

    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        answer = await _answered(request, handler)
        route = _path_of(request)
        self._metrics.http_requests_total.labels(route, str(answer.status)).inc()
        self._metrics.http_request_seconds.labels(route).observe(time.monotonic() - began)
        return answer

    async def _allow(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        role = self._roles.get(_path_of(request))
        if self._tokens is None:
            _refuse_pages_of_elsewhere(request)
        if role is not None and request.match_info.http_exception is None:
            caller = request[CALLER] = self._caller(request)
            _check(caller, role, request.match_info.get("organization_id"))
            seconds = self._limits.seconds_to_wait(caller.name)
            if seconds:
                raise Refused(
                    429, f"the token {caller.name} has asked too much; ask again in {seconds} s", retry_seconds=seconds
                )
        return await handler(request)

    def _caller(self, request: web.Request) -> Caller:
        if self._tokens is None:
            return ANYBODY
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(401, "a token is needed: Authorization: Bearer TOKEN")
        caller = self._tokens.caller_of(token.strip())
        if caller is None:
            raise Refused(401, "the token is not known")
        return caller


def _check(caller: Caller, role: Role, organization_id: str | None) -> None:
    if role not in caller.roles:
        raise Refused(403, f"the token {caller.name} has not the role {role}")
    if organization_id is not None and not caller.is_of(organization_id):
        raise Refused(403, f"the token {caller.name} is not good for this organization", field="organization_id")


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give an answer whatever happens; a bug is told in the log, and to the caller only that it is one."""
    try:
        return await handler(request)
    except Refused as refused:
        answer = refused.answer()
        if refused.status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    except TransientError as error:  # a partition number was closed while its state was read
        return not_now(f"the partition number goes to another worker: {error}; ask again").answer()
    except web.HTTPMethodNotAllowed as error:
        answer = Refused(405, f"allowed is {', '.join(sorted(error.allowed_methods))}").answer()
        answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except web.HTTPException as error:
        return Refused(error.status, "there is nothing here; /v1/openapi.json says what there is").answer()
    except Exception:
        # The edge of one request, which changes nothing of the books: a bug in it ends the request, not the worker.
        log.exception("a request to %s was not answered, which is a bug", _path_of(request))
        return Refused(500, "this is a bug of the worker; its log says more").answer()


def _path_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return OTHER if resource is None else resource.canonical


def _refuse_pages_of_elsewhere(request: web.Request) -> None:
    name, colon, port = request.host.rpartition(":")
    host = name if colon and port.isdigit() else request.host
    if not is_loopback(host) or "Origin" in request.headers:
        raise Refused(403, "without tokens the worker answers programs of its own machine, not web pages")
