"""Upstream products as the fault tests play them: they send records, plainly, or in transactions of which some are aborted."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.instants import MICROSECONDS_PER_MILLISECOND
from schemas.records import RawRecord

_RECORDS_A_TRANSACTION = 25
_REQUEST_MILLISECONDS = 60_000


async def send(records: Sequence[RawRecord], *, servers: str) -> None:
    """Send records in order and await all acknowledgements; a broker that is away for a while only delays it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        request_timeout_ms=_REQUEST_MILLISECONDS,
    )
    async with producer:
        await _send_all(producer, records)


async def send_in_transactions(records: Sequence[RawRecord], *, undone: Iterable[RawRecord], servers: str) -> int:
    """Send records in committed transactions, and as many `undone` ones, as far as they reach, in aborted ones between them.

    Gives the number of aborted transactions.
    """
    aborted_count, waste = 0, iter(undone)
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id="upstream", linger_ms=5) as producer:
        for begin in range(0, len(records), _RECORDS_A_TRANSACTION):
            if wasted := list(islice(waste, _RECORDS_A_TRANSACTION)):
                await producer.begin_transaction()
                await _send_all(producer, wasted)
                await producer.abort_transaction()
                aborted_count += 1
            async with producer.transaction():
                await _send_all(producer, records[begin : begin + _RECORDS_A_TRANSACTION])
    return aborted_count


async def _send_all(producer: AIOKafkaProducer, records: Sequence[RawRecord]) -> None:
    await asyncio.gather(*[await _sent(producer, record) for record in records])


async def _sent(producer: AIOKafkaProducer, record: RawRecord) -> Any:
    return await producer.send(
        record.topic,
        record.value,
        key=record.key,
        partition=record.partition,
        timestamp_ms=record.timestamp // MICROSECONDS_PER_MILLISECOND,
        headers=list(record.headers),
    )
