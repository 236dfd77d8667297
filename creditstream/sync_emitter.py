"""The emitter for programs without asyncio: a loop of its own in a thread of its own."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from creditstream.connection import Brokers
from creditstream.emitter import Emitter
from creditstream.registry import Registry
from creditstream.sending import SILENT_SECONDS, Position
from schemas.errors import EmitterClosed, NotAcknowledged
from schemas.events import Event

_LAST_WORDS_SECONDS = 1

_Result = TypeVar("_Result")


class SyncEmitter:
    """Sends events from any thread, and blocks it meanwhile: `with SyncEmitter("kafka1:9092") as emitter: emitter.emit(event)`.

    Any number of threads may use one emitter at a time; for what is taken and raised, see Emitter.
    """

    def __init__(
        self,
        brokers: Brokers,
        *,
        registry: Registry | str | None = None,
        acknowledgement_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._emitter = Emitter(brokers, registry=registry, acknowledgement_seconds=acknowledgement_seconds)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over: asyncio.Event | None = None

    def start(self) -> None:
        """Connect to the brokers; raises as `Emitter.start` does."""
        with self._lock:
            if self._thread is not None:
                return
            opened: concurrent.futures.Future[None] = concurrent.futures.Future()
            thread = threading.Thread(target=self._run, args=(opened,), name="credits-emitter", daemon=True)
            thread.start()
            opened.result()
            self._thread = thread

    def close(self) -> None:
        """Flush what is on its way, and let go of the brokers; returns within seconds whatever they do."""
        with self._lock:
            thread, loop, is_over = self._thread, self._loop, self._is_over
            self._thread = self._loop = self._is_over = None
        if thread is not None and loop is not None and is_over is not None:
            loop.call_soon_threadsafe(is_over.set)
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def emit(self, event: Event) -> Position:
        """Send an event and wait until all replicas have it; gives where it lies. Raises as `Emitter.emit_all` does."""
        return self._await(self._emitter.emit(event))

    def emit_all(self, events: Iterable[Event]) -> list[Position]:
        """Send events in their order and wait until all replicas have every one; raises as `Emitter.emit_all` does."""
        return self._await(self._emitter.emit_all(list(events)))

    def _await(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do some work in the emitter's thread, and wait for it in this one."""
        with self._lock:
            if self._loop is None:
                work.close()
                raise EmitterClosed("the emitter is not open: use it inside its block, or between start() and close()")
            doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result()
        except concurrent.futures.CancelledError as error:
            raise NotAcknowledged("the emitter was closed before Kafka had acknowledged all") from error
        finally:
            doing.cancel()  # where this thread was interrupted, nobody waits any more

    def _run(self, opened: "concurrent.futures.Future[None]") -> None:
        """Run the loop until `close`; what is still under way then is cancelled with it."""
        asyncio.run(self._serve(opened))

    async def _serve(self, opened: "concurrent.futures.Future[None]") -> None:
        try:
            await self._emitter.start()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread that asked is told
            opened.set_exception(error)
            return
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        is_over = self._is_over
        opened.set_result(None)
        try:
            await is_over.wait()
        finally:
            await self._emitter.close()
            # Those whose records the flush has brought home hear of it; the others are cancelled when the loop ends.
            under_way = asyncio.all_tasks() - {asyncio.current_task()}
            if under_way:
                await asyncio.wait(under_way, timeout=_LAST_WORDS_SECONDS)
