"""The channels between transport and agents keep what they hold through a rebalance."""

import asyncio

import faust

from streams.worker.channel import SteadyChannel


async def test_a_rebalance_neither_empties_a_channel_nor_cancels_who_waits():
    """Faust's flow control, which a rebalance suspends, clears and resumes, has no hold on it; order and limit stay."""
    app = faust.App("steady", broker="kafka://127.0.0.1:9", store="memory://")
    channel = SteadyChannel(app, maxsize=1)
    reader = channel.clone(is_iterator=True)
    await reader.queue.put("first")
    waiting = asyncio.create_task(reader.queue.put("second"))
    await asyncio.sleep(0)
    app.flow_control.suspend()
    app.flow_control.clear()
    app.flow_control.resume()
    assert not waiting.done()
    assert await reader.queue.get() == "first"
    await waiting
    assert await reader.queue.get() == "second"
