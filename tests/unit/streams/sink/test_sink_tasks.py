"""Running side by side: the first that ends decides, and nobody is left behind."""

import asyncio

import pytest

from streams.sink.tasks import first_of


async def test_the_first_that_ends_ends_all():
    """The others are cancelled, and are gone when it returns."""
    cancelled = []

    async def endless(name: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    await first_of(endless("a"), asyncio.sleep(0), endless("b"))
    assert sorted(cancelled) == ["a", "b"]


async def test_what_the_first_one_raises_is_raised():
    """Its error comes out as it is; what the others raise while they are cancelled does not."""

    async def fails() -> None:
        raise ValueError("first")

    async def fails_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("second")

    with pytest.raises(ValueError, match=r"^first$"):
        await first_of(fails_when_cancelled(), fails())


async def test_a_cancellation_from_outside_reaches_all():
    """Who is cancelled while he waits leaves nothing running."""
    begun, ended = asyncio.Event(), []

    async def works() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    task = asyncio.create_task(first_of(works()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
