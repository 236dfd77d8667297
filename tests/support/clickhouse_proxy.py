"""A proxy before ClickHouse's HTTP interface that keeps inserts from it, loses answers to them, or holds answers back.

An answer comes when the engine has done the insert; so one that is lost or held back belongs to rows that are stored, and the
one who sent them does not know.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

_HOST = "127.0.0.1"
_MARK_OF_INSERT = b"insert_deduplication_token"
_CHUNK_BYTES = 1 << 16


class ClickHouseProxy:
    """Listens at `port` and forwards to the engine's port; use it as a context.

    `lost_count` is the number of answers that were lost so far.
    """

    def __init__(self, engine_port: int) -> None:
        self._engine_port = engine_port
        self._to_lose = 0
        self._is_holding = False
        self._held = asyncio.Event()
        self._is_stopping = False
        self._stopped = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.lost_count = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, _HOST, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def lose_next(self, count: int) -> None:
        """Lose the answers to the next inserts: the connection is cut in their place."""
        self._to_lose = count

    async def stop_next(self) -> None:
        """Keep the next insert from the engine, and wait until there is one; its connection stays as it is from then on."""
        self._stopped.clear()
        self._is_stopping = True
        await self._stopped.wait()

    async def hold_next(self) -> None:
        """Hold back the answer to the next insert, and wait until there is one; its connection stays as it is from then on."""
        self._held.clear()
        self._is_holding = True
        await self._held.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(OSError):
            engine_reader, engine_writer = await asyncio.open_connection(_HOST, self._engine_port)
            connection = _Connection(reader, writer, engine_reader, engine_writer, on_insert=self._stop_if_asked)
            try:
                await asyncio.gather(connection.forward_requests(), self._forward_answers(connection))
            finally:
                connection.close()
        writer.close()

    async def _stop_if_asked(self) -> None:
        if self._is_stopping:
            self._is_stopping = False
            self._stopped.set()
            await asyncio.Event().wait()

    async def _forward_answers(self, connection: "_Connection") -> None:
        with contextlib.suppress(OSError):
            while part := await connection.engine_reader.read(_CHUNK_BYTES):
                if connection.takes_answer_of_insert():
                    if self._to_lose:
                        self._to_lose -= 1
                        self.lost_count += 1
                        break
                    if self._is_holding:
                        self._is_holding = False
                        self._held.set()
                        await asyncio.Event().wait()
                connection.writer.write(part)
                await connection.writer.drain()
        connection.close()


class _Connection:
    """The two ends of a connection, and whether an insert went through it whose answer has not begun."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        engine_reader: asyncio.StreamReader,
        engine_writer: asyncio.StreamWriter,
        *,
        on_insert: Callable[[], Awaitable[None]],
    ) -> None:
        self.writer = writer
        self.engine_reader = engine_reader
        self._reader = reader
        self._engine_writer = engine_writer
        self._on_insert = on_insert
        self._is_inserting = False

    async def forward_requests(self) -> None:
        """Forward requests until either end is closed."""
        with contextlib.suppress(OSError):
            while part := await self._reader.read(_CHUNK_BYTES):
                if _MARK_OF_INSERT in part:
                    await self._on_insert()
                    self._is_inserting = True
                self._engine_writer.write(part)
                await self._engine_writer.drain()
        self.close()

    def takes_answer_of_insert(self) -> bool:
        """Say, once for each insert, whether what comes from the engine is the answer to one."""
        taken, self._is_inserting = self._is_inserting, False
        return taken

    def close(self) -> None:
        """Close both ends, so that whoever reads from them goes on."""
        self.writer.close()
        self._engine_writer.close()
