"""Closing what belongs to aiokafka."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiokafka import AIOKafkaProducer


async def close_within(seconds: float, closing: Coroutine[Any, Any, None]) -> bool:
    """Wait so long at most until something is closed; gives whether it was, and never raises what went wrong in it.

    With a broker that is gone, aiokafka hangs in closing, or lets a cancellation of its own tasks out of it, which would look
    like one of the caller's.
    """
    task = asyncio.create_task(closing)
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        task.cancel()
        return False
    if not task.cancelled():
        task.exception()
    return True


async def close_producer(producer: AIOKafkaProducer, *, seconds: float) -> None:
    """Flush and close a producer, each within so many seconds; what it could not send by then is given up."""
    if await close_within(seconds, producer.flush()):
        await close_within(seconds, producer.stop())
        return
    # Asked to stop it would flush first, and try for ever to reach a broker: so its parts are ended one by one.
    producer._closed = True  # noqa: SLF001 - as its own `stop` says it
    if producer._sender is not None:  # noqa: SLF001 - as above
        await close_within(seconds, producer._sender.close())  # noqa: SLF001 - as above
    await close_within(seconds, producer.client.close())
