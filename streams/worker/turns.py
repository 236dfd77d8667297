"""Long work in small steps, so that commits, heartbeats and the other partition numbers get their turn in between."""

import asyncio
import time
from collections.abc import Callable, Generator
from typing import TypeVar

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]
"""Work that stops after each small step, and comes to a result."""

_TURN_SECONDS = 0.005


def finished(steps: Steps[_Result]) -> _Result:
    """Do all steps at once; gives what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: _Result = stop.value
            return result


async def in_turns(steps: Steps[_Result], *, is_over: Callable[[], bool]) -> _Result | None:
    """Do steps, some milliseconds of them at a time; gives what they come to, None where it was over before that."""
    until = time.monotonic() + _TURN_SECONDS
    while not is_over():
        try:
            next(steps)
        except StopIteration as stop:
            result: _Result = stop.value
            return result
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + _TURN_SECONDS
    return None
