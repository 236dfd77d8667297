"""Dead letters as they lie in their topic: which records were refused and why, and how one is sent again.

Rule: docs/ledger.md 3.6. A dead letter is a fact: nothing here takes one away.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from aiokafka import ConsumerRecord

from creditstream.connection import Brokers
from projections.row_codec import decode_change
from projections.rows import DeadLetterRow
from schemas.codec import NO_REGISTRY
from schemas.errors import DecodeError, InvariantViolation
from schemas.instants import MICROSECONDS_PER_MILLISECOND, from_milliseconds
from schemas.reading import read_record
from schemas.records import Place, RawRecord
from schemas.refusals import Reason, Refusal
from schemas.topics import DEAD_LETTERS, HOP_HEADER, partition_of
from streams.kafka.clients import admin_of, read_spans, reader_of, spans_of
from streams.kafka.emit import Outgoing
from streams.kafka.topics import partitions_of


class DeadLetter(NamedTuple):
    """A refused record with everything that it carried, and when it was refused (UTC microseconds)."""

    row: DeadLetterRow
    refused_at: int

    @property
    def place(self) -> Place:
        """Give where the refused record lay first."""
        return Place(self.row.topic, self.row.partition, self.row.offset)


class Replay(NamedTuple):
    """What is sent again of a dead letter; `refusal` is why it would be refused again as it stands, as far as that is known."""

    record: Outgoing
    refusal: Refusal | None


async def read_dead_letters(
    *, bootstrap_servers: Brokers, since: int | None, is_wanted: Callable[[DeadLetterRow], bool]
) -> list[DeadLetter]:
    """Read the dead letters that are wanted and were refused at `since` (UTC microseconds) or later, the newest at the end.

    Raises TransientError where Kafka does not answer, SettingsError where the topic is missing, and InvariantViolation where
    it holds what is no dead letter.
    """
    found: dict[bytes, DeadLetter] = {}
    async with admin_of(bootstrap_servers) as admin, reader_of(bootstrap_servers) as reader:
        logs = await partitions_of(admin, [DEAD_LETTERS])
        async for records in read_spans(reader, await spans_of(reader, logs)):
            for record in records:
                refused_at = from_milliseconds(record.timestamp)
                if since is not None and refused_at < since:
                    continue
                # The last record of a key stands.
                found.pop(record.key, None)
                row = _row_of(record)
                if row is not None and is_wanted(row):
                    found[record.key] = DeadLetter(row, refused_at)
    return sorted(found.values(), key=lambda letter: (letter.refused_at, letter.place))


def replay_of(letter: DeadLetter, *, now: int, partition_count: int, registry: Mapping[int, str] = NO_REGISTRY) -> Replay:
    """Give the record that a dead letter is sent again as; `now` in UTC microseconds, `registry` as in `schemas.codec.decode`.

    It has its key, value and headers, without the one of a hop, and lies where its key belongs. It keeps its timestamp, unless
    that is what it was refused for.
    """
    row = letter.row
    kept = Outgoing(
        topic=row.topic,
        partition=row.partition if row.key is None else partition_of(row.key, partition_count=partition_count),
        key=row.key,
        value=row.value,
        timestamp=row.timestamp // MICROSECONDS_PER_MILLISECOND,
        headers=tuple(header for header in row.headers if header[0] != HOP_HEADER),
    )
    renewed = kept._replace(timestamp=now // MICROSECONDS_PER_MILLISECOND)
    refusal, of_renewed = (_refusal_of(record, partition_count, registry) for record in (kept, renewed))
    if row.reason == Reason.TOO_EARLY or (refusal is not None and of_renewed is None):
        return Replay(renewed, of_renewed)
    if row.reason == Reason.TOO_LATE:  # time only moves forward
        return Replay(kept, Refusal(Reason.TOO_LATE, row.field, row.detail))
    return Replay(kept, refusal)


def _row_of(record: ConsumerRecord[bytes, bytes]) -> DeadLetterRow | None:
    """Read the row of a record; None where it was taken back."""
    try:
        published = decode_change(record.topic, record.value or b"")
    except DecodeError as error:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        raise InvariantViolation(f"no dead letter lies at {place}, which only the worker may write: {error}") from error
    return None if published.deleted else cast(DeadLetterRow, published.row)


def _refusal_of(record: Outgoing, partition_count: int, registry: Mapping[int, str]) -> Refusal | None:
    """Give why a record would be refused, as far as it can be told from itself."""
    raw = RawRecord(
        topic=record.topic,
        partition=record.partition,
        offset=0,
        timestamp=from_milliseconds(record.timestamp),
        key=record.key,
        value=record.value,
        headers=record.headers,
    )
    content = read_record(raw, partition_count=partition_count, registry=registry).content
    return content if isinstance(content, Refusal) else None
