"""The same books in an ordinary Faust agent: one event at a time, its state in a Faust table.

Everything that decides about money is the project's own: `schemas.reading` reads a record, `projections.books` judges it and
derives the rows. What is ordinary is how it moves: `async for event in stream`, a table in memory with its changelog topic,
rows sent to the output topics as they come, offsets committed by Faust, at least once. Nothing is atomic here: a crash loses
or repeats what Faust's guarantee allows it to.

Sends are gathered for a moment into large batches, and offsets are committed at Faust's own interval. Other intervals (0.5 to
10 s), lingers (0 to 100 ms), a producer in its own thread and `send_soon` made no difference that stood out from the noise:
the books themselves take nearly all of its time.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

import faust

from projections.books import Books
from projections.row_codec import encode_change
from projections.rows import TABLE_OF_ROW_TYPE
from projections.state import MemoryState
from schemas import topics
from schemas.catalog import Catalog, parse_catalog
from schemas.instants import from_milliseconds
from schemas.reading import read_record
from schemas.records import RawRecord
from streams.kafka.topics import OUTPUT_TOPICS

GROUP = "bench-agent"
CHANGELOG = f"{GROUP}-books-changelog"

_COMMIT_SECONDS = 2.8
_LINGER_SECONDS = 0.02
_BATCH_BYTES = 1 << 20
_FETCH_RECORDS = 1_000


class TableState(MemoryState):
    """The state of one partition number in a Faust table; the ordered copy in memory answers scans, which a table cannot."""

    def __init__(self, table: Any, *, number: int) -> None:
        super().__init__()
        self._prefix = b"%d|" % number
        for key, value in table.items():
            if key.startswith(self._prefix):
                super().put(key[len(self._prefix) :], value)
        self._table = table

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of a key; one that does not change is not written again."""
        if self.get(key) != value:
            super().put(key, value)
            self._table[self._prefix + key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key; a key that is not there is no trouble."""
        if self.get(key) is not None:
            super().delete(key)
            self._table.pop(self._prefix + key)


def build(broker: str, catalog: Catalog, *, partition_count: int) -> faust.App:
    """Put the app together; it runs when a Faust worker starts it."""
    app = faust.App(
        GROUP,
        broker=f"kafka://{broker}",
        store="memory://",
        topic_partitions=partition_count,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=_COMMIT_SECONDS,
        broker_max_poll_records=_FETCH_RECORDS,
        producer_linger=_LINGER_SECONDS,
        producer_max_batch_size=_BATCH_BYTES,
        stream_wait_empty=False,
        web_enabled=False,
    )
    events = app.topic(*topics.INPUT_TOPICS, key_serializer="raw", value_serializer="raw")
    outputs = {topic: app.topic(topic, key_serializer="raw", value_serializer="raw") for topic in OUTPUT_TOPICS}
    table = app.Table("books", key_type=bytes, value_type=bytes, partitions=partition_count)
    books: dict[int, Books] = {}

    @app.agent(events)
    async def keep_books(stream: AsyncIterable[Any]) -> None:
        async for event in stream.events():  # type: ignore[attr-defined]
            message = event.message
            if message.partition not in books:
                books[message.partition] = Books(TableState(table, number=message.partition), catalog=catalog)
            read = read_record(_raw(message), partition_count=partition_count)
            # Time grows, over restarts too.
            revision = time.time_ns()
            for change in books[message.partition].apply([read]).changes:
                key, value = encode_change(change, revision=revision)
                output = outputs[TABLE_OF_ROW_TYPE[type(change.row)].topic]
                await output.send(key=key, value=value, partition=message.partition)

    return app


def _raw(message: Any) -> RawRecord:
    """Give a message of Faust as a raw record; Faust counts time in seconds."""
    timestamp = from_milliseconds(round(message.timestamp * 1000))
    headers = tuple((name, value or b"") for name, value in message.headers or ())
    return RawRecord(message.topic, message.partition, message.offset, timestamp, message.key, message.value, headers)


def main(broker: str, catalog: str, partition_count: str) -> None:
    """Run the agent until a signal ends it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = build(broker, parse_catalog(Path(catalog).read_text(encoding="utf-8")), partition_count=int(partition_count))
    worker = faust.Worker(app, loop=loop, loglevel="warning", redirect_stdouts=False, quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
