"""The agents of the worker: what is read first.

Each batch passes through them in turn, and what they make of it is committed together, with the batch's positions, in one
transaction of its partition number (`streams.worker.partition`).

An agent computes only; commits, heartbeats and rebalances get their turn after some milliseconds of it. What goes wrong ends
the work on the partition number, and never reaches Faust, which would acknowledge the batch and go on.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import cast

import faust

from streams.worker.batches import Batch
from streams.worker.channel import SteadyChannel
from streams.worker.partition import AcceptedBatch
from streams.worker.partitions import Partitions

HandOn = Callable[[AcceptedBatch], Awaitable[None]]


def add_agents(app: faust.App, batches: faust.ChannelT[Batch], partitions: Partitions, *, queued_batches_max: int) -> None:
    """Add the agents: events are accepted, then balances, campaign counters and dead letters follow from them."""
    to_count = SteadyChannel(app, maxsize=queued_batches_max)
    to_bury = SteadyChannel(app, maxsize=queued_batches_max)
    hand_on_to_count, hand_on_to_bury = (cast(HandOn, channel.put) for channel in (to_count, to_bury))

    @app.agent(batches)
    async def keep_balances(stream: AsyncIterable[Batch]) -> None:
        """Accept events, and keep the ledger and what hangs on it: payments, lots, months, conflicts, master data."""
        async for batch in stream:
            accepted = await partitions.accept(batch)
            if accepted is not None:
                await accepted.keep_balances()
                await hand_on_to_count(accepted)
            await asyncio.sleep(0)

    @app.agent(to_count)
    async def count_campaigns(stream: AsyncIterable[AcceptedBatch]) -> None:
        """Keep the campaign counters of each customer."""
        async for accepted in stream:
            await accepted.count_campaigns()
            await hand_on_to_bury(accepted)

    @app.agent(to_bury)
    async def keep_dead_letters(stream: AsyncIterable[AcceptedBatch]) -> None:
        """Keep what was refused, with everything that it carried."""
        async for accepted in stream:
            await accepted.keep_dead_letters()
