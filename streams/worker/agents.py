"""The agents of the worker: what is read first; a batch is applied in `streams.worker.partition` and `projections.books`."""

import asyncio
from collections.abc import AsyncIterable

import faust

from streams.worker.batches import Batch
from streams.worker.partitions import Partitions


def add_agents(app: faust.App, batches: faust.ChannelT[Batch], partitions: Partitions) -> None:
    """Add the agent that keeps the books."""

    @app.agent(batches)
    async def keep_books(stream: AsyncIterable[Batch]) -> None:
        async for batch in stream:
            partitions.apply(batch)
            # Applying a batch is computation only; commits, heartbeats and rebalances get their turn here.
            await asyncio.sleep(0)
