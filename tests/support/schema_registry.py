"""A stub of a schema registry's HTTP interface: the real paths, codes and JSON bodies, and the outages that tests want."""

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

from aiohttp import web

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_SECONDS = 30


class StubRegistry:
    """What the stub knows, and what it was asked; `trouble` is an HTTP status with which it answers everything, if any."""

    def __init__(self) -> None:
        self.schemas: dict[int, dict[str, Any]] = {}
        self.subjects: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.trouble: int | None = None
        self.is_silent = False
        self.is_over = asyncio.Event()
        self.is_read_only = False
        self.user: str | None = None
        self.url = ""

    def add(self, text: str, *, schema_id: int, **more: object) -> None:
        """Let it know a schema by an id."""
        self.schemas[schema_id] = {"schema": text, **more}

    def application(self) -> web.Application:
        """Give the paths that it answers at."""
        application = web.Application(middlewares=[self._guard])
        application.router.add_get("/schemas/ids/{id}", self._schema)
        application.router.add_post("/subjects/{subject}", self._look_up)
        application.router.add_post("/subjects/{subject}/versions", self._register)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.is_silent:
            await self.is_over.wait()
        if self.trouble is not None:
            return _answer({"error_code": self.trouble, "message": "out of order"}, status=self.trouble)
        if self.user is not None:
            wanted = f"Basic {base64.b64encode(self.user.encode()).decode()}"
            if request.headers.get("Authorization") != wanted:
                return _answer({"error_code": 401, "message": "Unauthorized"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _schema(self, request: web.Request) -> web.Response:
        found = self.schemas.get(int(request.match_info["id"]))
        if found is None:
            return _answer({"error_code": 40403, "message": "Schema not found"}, status=404)
        return _answer(found)

    async def _look_up(self, request: web.Request) -> web.Response:
        subject, text = request.match_info["subject"], await _said(request)
        if subject not in self.subjects:
            return _answer({"error_code": 40401, "message": f"Subject '{subject}' not found."}, status=404)
        for version, schema_id in enumerate(self.subjects[subject], 1):
            if json.loads(self.schemas[schema_id]["schema"]) == json.loads(text):
                return _answer({"subject": subject, "id": schema_id, "version": version, "schema": text})
        return _answer({"error_code": 40403, "message": "Schema not found"}, status=404)

    async def _register(self, request: web.Request) -> web.Response:
        subject, text = request.match_info["subject"], await _said(request)
        if self.is_read_only:
            return _answer({"error_code": 42205, "message": f"Subject {subject} is in read-only mode"}, status=422)
        schema_id = max(self.schemas, default=0) + 1
        self.add(text, schema_id=schema_id)
        self.subjects.setdefault(subject, []).append(schema_id)
        return _answer({"id": schema_id})


async def _said(request: web.Request) -> str:
    assert request.headers["Content-Type"] == MEDIA_TYPE
    said: dict[str, str] = json.loads(await request.read())
    assert set(said) == {"schema"}
    return said["schema"]


def _answer(content: dict[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(content).encode(), status=status, content_type=MEDIA_TYPE)


@contextlib.contextmanager
def registry_running() -> Iterator[StubRegistry]:
    """Run a stub, in a thread of its own, until the block is left."""
    stub = StubRegistry()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = web.AppRunner(stub.application(), access_log=None, shutdown_timeout=0)

    async def serve() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    try:
        stub.url = f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(serve(), loop).result(_SECONDS)}"
        yield stub
    finally:
        loop.call_soon_threadsafe(stub.is_over.set)
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
