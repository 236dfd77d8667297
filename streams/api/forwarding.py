"""A request that another worker can answer is asked of it, once: a second hop would mean that two do not agree on the owner."""

import asyncio
from collections.abc import Mapping

import aiohttp
from aiohttp import web
from prometheus_client import Counter
from yarl import URL

from streams.api.owners import Owners
from streams.api.refused import not_now

HOP_HEADER = "Credits-Forwarded-By"
"""Names the worker that was asked first."""

_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 10
_ASKED = ("Authorization", "Accept")
_ANSWERED = ("Content-Type", "Retry-After")


class Forwarding:
    """Asks the owner of a partition number; made when the worker's loop runs, closed before it ends."""

    def __init__(self, owners: Owners, forwarded: Counter) -> None:
        self._owners = owners
        self._forwarded = forwarded
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    async def ask_owner(self, request: web.Request, number: int, *, wait_seconds: float) -> web.Response:
        """Give the answer of the worker that holds a number to the same request, which may wait so long.

        Raises Refused with 503 where there is none, or the request has been forwarded already.
        """
        address = self._owners.address_of(number)
        if HOP_HEADER in request.headers:
            raise not_now(f"partition number {number} is not open on the worker that is said to hold it; ask again")
        if address is None or address == self._owners.address:
            raise not_now(f"partition number {number} is open on no worker yet; ask again")
        self._forwarded.inc()
        try:
            async with asyncio.timeout(wait_seconds + _ANSWER_SECONDS):
                return await self._ask(request, address)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise not_now(
                f"the worker that holds partition number {number} does not answer; another one takes it over within seconds"
            ) from error

    async def _ask(self, request: web.Request, address: str) -> web.Response:
        url = URL(f"{address}{request.raw_path}", encoded=True)
        headers = {**_those(_ASKED, request.headers), HOP_HEADER: self._owners.address}
        async with self._opened_session().get(url, headers=headers, allow_redirects=False) as answer:
            body = await answer.read()
            return web.Response(status=answer.status, body=body, headers=_those(_ANSWERED, answer.headers))

    def _opened_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS)
            # Neither proxies nor cookies: workers speak to each other as they are.
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        return self._session


def _those(names: tuple[str, ...], headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}
