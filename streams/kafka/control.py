"""What operators have said to the workers: whether history settles, kept in the compacted topic `credits.control`.

Rule: docs/ledger.md 2. The last word stands; where nothing was ever said, history does not settle.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import TransientError

CONTROL = "credits.control"
_KEY = b"clock"
_FETCH_MILLISECONDS = 200


class Settlement(NamedTuple):
    """Whether history settles, since when (UTC microseconds) and who said so; None where nothing was ever said."""

    is_open: bool
    since: int | None
    by: str | None


class _Said(msgspec.Struct):
    settlement: str
    since: int
    by: str


async def read_settlement(brokers: Sequence[str]) -> Settlement:
    """Read the operators' last word; raises TransientError where the brokers do not answer."""
    consumer = AIOKafkaConsumer(bootstrap_servers=list(brokers), enable_auto_commit=False)
    partition = TopicPartition(CONTROL, 0)
    found = Settlement(is_open=False, since=None, by=None)
    try:
        await consumer.start()
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        await consumer.seek_to_beginning(partition)
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(partition, timeout_ms=_FETCH_MILLISECONDS)).get(partition, ()):
                if record.key == _KEY and record.value is not None:
                    said = msgspec.json.decode(record.value, type=_Said)
                    found = Settlement(said.settlement == "open", said.since, said.by)
    except KafkaError as error:
        raise TransientError(f"{CONTROL} cannot be read at {','.join(brokers)}: {error!r}") from error
    finally:
        await consumer.stop()
    return found
