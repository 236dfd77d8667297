"""Long work in small steps, so that commits, heartbeats and the other partition numbers get their turn in between."""

import asyncio
import time
from collections.abc import Callable, Generator
from typing import TypeVar

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]
"""Work that stops after each small step, and comes to a result."""

_TURN_SECONDS = 0.005


class Turn:
    """The time that one piece of work may hold the loop; it begins when it is made, and anew whenever it was passed on."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _TURN_SECONDS

    async def pass_on(self) -> None:
        """Let all others go on, once the time is over."""
        if time.monotonic() >= self._until:
            await asyncio.sleep(0)
            self._until = time.monotonic() + _TURN_SECONDS


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
    turn = Turn()
    while not is_over():
        try:
            next(steps)
        except StopIteration as stop:
            result: _Result = stop.value
            return result
        await turn.pass_on()
    return None
