"""Closing what belongs to aiokafka."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def close_within(seconds: float, closing: Coroutine[Any, Any, None]) -> None:
    """Wait so long at most until something is closed; never raises what went wrong in it.

    With a broker that is gone, aiokafka hangs in closing, or lets a cancellation of its own tasks out of it, which would look
    like one of the caller's.
    """
    task = asyncio.create_task(closing)
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        task.cancel()
    elif not task.cancelled():
        task.exception()
