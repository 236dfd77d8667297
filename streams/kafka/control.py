"""What operators have said to the workers, and workers to each other, kept in the compacted topic `credits.control`.

Whether history settles (docs/ledger.md 2.5): the last word stands; where nothing was ever said, history does not settle. It is
one record with the key `clock`, whose value is JSON: {"settlement": "open", "since": "2026-05-15T12:00:00Z", "by":
"ana@ops-1"}. Which worker has opened a partition number, and where it answers over HTTP (docs/http.md): a record each, with the
key `owner|3` and the value {"address": "http://worker-1:18080"}. Whoever reads one of them passes over the others.
"""

import asyncio
from enum import StrEnum
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from creditstream.connection import Brokers, connection_of
from creditstream.records import Outgoing
from creditstream.sending import SILENT_SECONDS
from creditstream.wall_clock import now_microseconds
from schemas.errors import TransientError
from schemas.instants import MICROSECONDS_PER_MILLISECOND, format_instant, parse_instant
from streams.kafka.clients import admin_of, producer_of, read_spans, reader_of, spans_of
from streams.kafka.topics import CONTROL, partitions_of

_KEY = b"clock"
_OWNER = b"owner|"
CONTROL_LOG = TopicPartition(CONTROL, 0)


class Settlement(NamedTuple):
    """Whether history settles, since when (UTC microseconds) and who said so; None where nothing was ever said."""

    is_open: bool
    since: int | None
    by: str | None


class Owner(NamedTuple):
    """The worker that has opened a partition number: where it answers over HTTP."""

    number: int
    address: str


class _Word(StrEnum):
    OPEN = "open"
    HOLD = "hold"


class _Said(msgspec.Struct):
    settlement: _Word
    since: str
    by: str


class _Owns(msgspec.Struct):
    address: str


async def read_settlement(brokers: Brokers) -> Settlement:
    """Read the operators' last word.

    Raises TransientError where the brokers do not answer, and where the last word cannot be understood: then nobody knows
    whether history settles. Raises SettingsError where the topic is missing.
    """
    last: bytes | None = None
    async with admin_of(brokers) as admin, reader_of(brokers) as reader:
        await partitions_of(admin, [CONTROL])
        async for records in read_spans(reader, await spans_of(reader, [CONTROL_LOG])):
            for record in records:
                last = record.value if record.key == _KEY else last
    return Settlement(is_open=False, since=None, by=None) if last is None else settlement_of(last)


async def say_settlement(brokers: Brokers, settlement: Settlement) -> None:
    """Write a new last word and await its acknowledgement; raises as `read_settlement` does."""
    async with admin_of(brokers) as admin:
        await partitions_of(admin, [CONTROL])
    async with producer_of(brokers) as producer:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                await producer.send_and_wait(CONTROL, key=_KEY, value=value_of(settlement), partition=CONTROL_LOG.partition)
        except (KafkaError, TimeoutError) as error:
            raise TransientError(f"Kafka at {connection_of(brokers)} did not take the operator's word: {error!r}") from error


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


def owner_record(owner: Owner) -> Outgoing:
    """Give the record by which a worker says that it has opened a partition number; `owner_of` reads it."""
    key, value = _OWNER + str(owner.number).encode(), msgspec.json.encode(_Owns(owner.address))
    return Outgoing(CONTROL, CONTROL_LOG.partition, key, value, now_microseconds() // MICROSECONDS_PER_MILLISECOND)


def owner_of(key: bytes | None, value: bytes | None) -> Owner | None:
    """Read a record as a word on the owner of a partition number; None where it is about anything else."""
    if not key or not key.startswith(_OWNER) or not key.removeprefix(_OWNER).isdigit():
        return None
    try:
        return Owner(int(key.removeprefix(_OWNER)), msgspec.json.decode(value or b"", type=_Owns).address)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _unknown(why: str) -> TransientError:
    return TransientError(
        f"the last word in {CONTROL} cannot be understood ({why}); 'credits clock open' or 'credits clock hold' says it anew"
    )
