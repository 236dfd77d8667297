"""`python -m streams.embedded.gateway`: the ClickHouse engine behind ClickHouse's own HTTP interface, on loopback only.

Any HTTP client of ClickHouse works, above all `clickhouse_connect.get_client(host="127.0.0.1", port=...)`: statements in
URL or body, `param_*`, settings, gzip, deflate, zstd and lz4 bodies, sessions, the `X-ClickHouse-*` headers with the
summary and the exception code, and every format that the engine has. A GET only reads. Results are given whole, not as a
stream. What is refused is told by `gateway_guard`; a browser page of another origin is refused as well.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import string
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.sax.saxutils import escape

from aiohttp import web

from schemas.errors import SettingsError
from streams.embedded.gateway_engine import Engine, Result
from streams.embedded.gateway_guard import Fault, Limits
from streams.embedded.gateway_request import BODY_BYTES_MAX, decompress, read_request
from streams.embedded.ports import HOST

_TEMPLATE = Path(__file__).resolve().parents[2] / "deploy" / "embedded" / "clickhouse.xml"
_LOOPBACK_NAMES = frozenset(["127.0.0.1", "localhost", "[::1]"])
_THREADS = 16
_WAITING_MAX = 256
_FINISH_SECONDS = 3
_CLOSE_SECONDS = 2
_URL_BYTES_MAX = 1 << 20
_STATUS_OF_CODE = {60: 404, 81: 404, 62: 400, 36: 400, 115: 400, 202: 503, 241: 500}
_CONTENT_TYPES = {
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
}


class Gateway:
    """Answers requests with the engine; one object a process."""

    def __init__(self, engine: Engine, *, threads: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._threads = threads
        self._running = 0

    def application(self) -> web.Application:
        """Give the web application: the interface at `/`, and `/ping`."""
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_get("/ping", self._ping)
        application.router.add_route("GET", "/", self._answer)
        application.router.add_route("POST", "/", self._answer)
        return application

    async def _ping(self, _request: web.Request) -> web.Response:
        """Say that queries can be asked."""
        return web.Response(text="Ok.\n")

    async def _answer(self, request: web.Request) -> web.Response:
        """Answer one request of the interface; whatever fails is answered as a ClickHouse exception."""
        query_id = request.query.get("query_id") or str(uuid.uuid4())
        headers = {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Server-Display-Name": "embedded",
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        try:
            _check_origin(request)
            if request.method == "GET" and "query" not in request.query:
                return web.Response(text="Ok.\n", headers=headers)
            result = await self._run(request)
        except Fault as fault:
            return self._refusal(fault, headers)
        headers["X-ClickHouse-Format"] = result.format
        headers["X-ClickHouse-Summary"] = json.dumps(_summary(result))
        headers["Content-Type"] = _CONTENT_TYPES.get(result.format, "application/octet-stream")
        return web.Response(body=result.content, headers=headers)

    async def _run(self, request: web.Request) -> Result:
        """Read a request to its end and run it in a worker thread."""
        if self._running >= _WAITING_MAX:
            raise Fault(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"Too many simultaneous queries. Maximum: {_WAITING_MAX}")
        self._running += 1
        try:
            fields = dict(request.query)
            if request.content_type == "multipart/form-data":
                fields |= await _form_fields(request)
                body = b""
            else:
                body = await request.read()
            encoding = request.headers.get("Content-Encoding", "").lower()
            read_only = request.method == "GET"

            def work() -> Result:
                read = read_request(fields, request.headers, decompress(body, encoding))
                return self._engine.run(read, read_only=read_only)

            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except web.HTTPRequestEntityTooLarge as error:
            raise Fault(241, "MEMORY_LIMIT_EXCEEDED", f"A body may have at most {BODY_BYTES_MAX} bytes") from error
        finally:
            self._running -= 1

    def _refusal(self, fault: Fault, headers: dict[str, str]) -> web.Response:
        """Write a fault as the server writes an exception."""
        return web.Response(
            status=_STATUS_OF_CODE.get(fault.code, 500),
            text=f"Code: {fault.code}. DB::Exception: {fault.message} ({fault.name}) (version {self._engine.version})\n",
            headers={**headers, "X-ClickHouse-Exception-Code": str(fault.code)},
        )


def _check_origin(request: web.Request) -> None:
    """Refuse what a page of another origin, or a name that was bound to the loopback address, makes a browser send."""
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    if host not in _LOOPBACK_NAMES or "Origin" in request.headers:
        raise Fault(497, "ACCESS_DENIED", "The embedded ClickHouse answers programs on this machine only, not web pages")


async def _form_fields(request: web.Request) -> dict[str, str]:
    """Read the plain fields of a form; tables in files beside a query are not offered."""
    fields = {}
    for name, value in (await request.post()).items():
        if not isinstance(value, str):
            raise Fault(344, "SUPPORT_IS_DISABLED", "The embedded ClickHouse does not offer external tables")
        fields[name] = value
    return fields


def _summary(result: Result) -> dict[str, str]:
    """Write the counts of a result as the server's summary has them: numbers as text."""
    return {
        "read_rows": str(result.read_rows),
        "read_bytes": str(result.read_bytes),
        "written_rows": str(result.written_rows),
        "written_bytes": str(result.written_bytes),
        "total_rows_to_read": "0",
        "result_rows": str(result.result_rows),
        "result_bytes": str(len(result.content)),
        "elapsed_ns": str(result.elapsed_nanoseconds),
    }


async def serve(engine: Engine, *, port: int, threads: ThreadPoolExecutor) -> None:
    """Serve until SIGTERM or SIGINT; then take no more requests and wait a little for those that run.

    Raises OSError when the port is taken.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Bodies stay compressed: aiohttp would undo some encodings by itself, and not lz4.
    runner = web.AppRunner(
        Gateway(engine, threads=threads).application(),
        auto_decompress=False,
        shutdown_timeout=_FINISH_SECONDS,
        access_log=None,
        max_line_size=_URL_BYTES_MAX,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Open the folder that the command line names, and serve it."""
    parser = argparse.ArgumentParser(prog="streams.embedded.gateway")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--error-log", type=Path, required=True)
    parser.add_argument("--query-memory-megabytes", type=int, required=True)
    parser.add_argument("--query-seconds", type=int, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    limits = Limits(memory_bytes=given.query_memory_megabytes << 20, seconds=given.query_seconds)
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")
    try:
        configuration = _write_configuration(given.data.with_name("clickhouse.xml"), error_log=given.error_log)
        engine = threads.submit(Engine, given.data, configuration=configuration, limits=limits).result()
        asyncio.run(serve(engine, port=given.port, threads=threads))
    except (SettingsError, OSError) as error:
        sys.exit(str(error))
    _close(engine)
    # A query that is still running would keep the process alive; what was acknowledged is on disk either way.
    os._exit(0)


def _write_configuration(path: Path, *, error_log: Path) -> Path:
    """Fill in the template of the engine's configuration."""
    template = string.Template(_TEMPLATE.read_text(encoding="utf-8"))
    path.write_text(template.substitute(error_log=escape(str(error_log))), encoding="utf-8")
    return path


def _close(engine: Engine) -> None:
    """Close the engine, in a thread as ever, and wait for it a little."""
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    closing.join(_CLOSE_SECONDS)


if __name__ == "__main__":
    main()
