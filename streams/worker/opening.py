"""Opening the state of a partition number: its local store, brought up to the end of its changelog, and checked.

Rule: docs/architecture.md, delivery. This comes after fencing: from then on nobody else writes to the changelog.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from creditstream.connection import Brokers
from creditstream.wall_clock import now_microseconds
from schemas.catalog import Catalog
from streams.kafka.registered import NO_SCHEMAS, RegisteredSchemas
from streams.kafka.topics import GENERATION
from streams.metrics import WorkerMetrics
from streams.worker.changelog import committed_logs
from streams.worker.partition_state import PartitionState
from streams.worker.store import LocalStore, Rebuild, StoreMemory, open_store
from streams.worker.worker_keys import check_identity

log = logging.getLogger("streams.worker.partition")


@dataclass(frozen=True, kw_only=True)
class PartitionSettings:
    """What is the same for all partition numbers of a worker."""

    brokers: Brokers
    catalog: Catalog
    partition_count: int
    batch_records: int
    commit_seconds: float
    uncommitted_records: int
    state_folder: Path
    store_memory: StoreMemory
    metrics: WorkerMetrics
    registered: RegisteredSchemas = NO_SCHEMAS


@contextlib.asynccontextmanager
async def opened_state(number: int, settings: PartitionSettings) -> AsyncIterator[PartitionState]:
    """Give the state of a partition number as it is committed; its store is closed when the block is left.

    Raises TransientError in an outage, SettingsError where the state does not go with the settings, and InvariantViolation
    where the logs beside it do not go with the state.
    """
    folder = settings.state_folder / f"generation-{GENERATION}" / f"partition-{number}"
    store, rebuild = await asyncio.to_thread(open_store, folder, settings.store_memory, now=now_microseconds())
    try:
        yield await _restored(number, settings, store, rebuild)
    finally:
        if store.is_damaged:
            _tell_rebuild(number, settings, Rebuild.DAMAGED)
        await asyncio.to_thread(store.close)


async def _restored(number: int, settings: PartitionSettings, store: LocalStore, rebuild: Rebuild | None) -> PartitionState:
    began = time.monotonic()
    async with committed_logs(settings.brokers, number=number) as logs:
        restored = await logs.restore(store, now=now_microseconds())
        for words in check_identity(store, catalog=settings.catalog.decisive(), partition_count=settings.partition_count):
            log.info("partition number %d: %s; no figure depends on it", number, words)
        state = PartitionState(
            store,
            number=number,
            partition_count=settings.partition_count,
            catalog=settings.catalog,
            new_state_id=uuid.uuid4().hex,
        )
        await logs.check(state, is_new=state.commit_number == 0)
    seconds = time.monotonic() - began
    why = rebuild or restored.rebuild
    if why is not None:
        _tell_rebuild(number, settings, why)
    log.info("partition number %d: restored from %d records in %.2f s", number, restored.record_count, seconds)
    settings.metrics.restore_seconds.observe(seconds)
    settings.metrics.restored_records_total.inc(restored.record_count)
    return state


def _tell_rebuild(number: int, settings: PartitionSettings, why: Rebuild) -> None:
    log.warning("partition number %d: the local store was thrown away: %s", number, why.value)
    settings.metrics.store_rebuilds_total.labels(why.value).inc()
