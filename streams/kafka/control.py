"""What operators have said to the workers: whether history settles, kept in the compacted topic `credits.control`.

Rule: docs/ledger.md 2.5. The last word stands; where nothing was ever said, history does not settle. It is one record with the
key `clock`, whose value is JSON: {"settlement": "open", "since": "2026-05-15T12:00:00Z", "by": "ana@ops-1"}.
"""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import TransientError
from schemas.instants import format_instant, parse_instant
from streams.kafka.clients import SILENT_SECONDS, admin_of, producer_of, read_spans, reader_of, spans_of
from streams.kafka.topics import CONTROL, partitions_of

_KEY = b"clock"
_LOG = TopicPartition(CONTROL, 0)


class Settlement(NamedTuple):
    """Whether history settles, since when (UTC microseconds) and who said so; None where nothing was ever said."""

    is_open: bool
    since: int | None
    by: str | None


class _Word(StrEnum):
    OPEN = "open"
    HOLD = "hold"


class _Said(msgspec.Struct):
    settlement: _Word
    since: str
    by: str


async def read_settlement(brokers: Sequence[str]) -> Settlement:
    """Read the operators' last word.

    Raises TransientError where the brokers do not answer, and where the last word cannot be understood: then nobody knows
    whether history settles. Raises SettingsError where the topic is missing.
    """
    servers = ",".join(brokers)
    last: bytes | None = None
    async with admin_of(servers) as admin, reader_of(servers) as reader:
        await partitions_of(admin, [CONTROL])
        async for records in read_spans(reader, await spans_of(reader, [_LOG])):
            for record in records:
                last = record.value if record.key == _KEY else last
    return Settlement(is_open=False, since=None, by=None) if last is None else settlement_of(last)


async def say_settlement(brokers: Sequence[str], settlement: Settlement) -> None:
    """Write a new last word and await its acknowledgement; raises as `read_settlement` does."""
    servers = ",".join(brokers)
    async with admin_of(servers) as admin:
        await partitions_of(admin, [CONTROL])
    async with producer_of(servers) as producer:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                await producer.send_and_wait(CONTROL, key=_KEY, value=value_of(settlement), partition=_LOG.partition)
        except (KafkaError, TimeoutError) as error:
            raise TransientError(f"Kafka at {servers} did not take the operator's word: {error!r}") from error


def value_of(settlement: Settlement) -> bytes:
    """Write what an operator says as the value of a record; `settlement_of` reads it."""
    word = _Word.OPEN if settlement.is_open else _Word.HOLD
    return msgspec.json.encode(_Said(word, format_instant(settlement.since or 0), settlement.by or ""))


def settlement_of(value: bytes) -> Settlement:
    """Read what an operator said; raises TransientError where the value says nothing that is known."""
    try:
        said = msgspec.json.decode(value, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unknown(str(error)) from error
    since = parse_instant(said.since)
    if since is None:
        raise _unknown(f"{said.since!r} is no instant")
    return Settlement(said.settlement is _Word.OPEN, since, said.by)


def _unknown(why: str) -> TransientError:
    return TransientError(
        f"the last word in {CONTROL} cannot be understood ({why}); 'credits clock open' or 'credits clock hold' says it anew"
    )
