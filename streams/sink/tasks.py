"""Running coroutines side by side."""

import asyncio
from collections.abc import Coroutine
from typing import Any

_PATIENCE_SECONDS = 10


async def first_of(*work: Coroutine[Any, Any, Any]) -> None:
    """Run coroutines until the first of them ends, and cancel the others; raises what it raised.

    When this returns, none of them runs any more.
    """
    tasks = [asyncio.create_task(each) for each in work]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        running = set(tasks)
        while running:
            # Libraries may swallow a cancellation that comes just when they are done with something: it is said again.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=_PATIENCE_SECONDS)
        await asyncio.gather(*tasks, return_exceptions=True)
