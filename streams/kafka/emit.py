"""Sends events to the input topics, as the commands do it: any number, with word of how many are safe.

Records, order and acknowledgements are the client library's. An event that is sent twice is a duplicate and changes nothing
(docs/ledger.md 3.3).
"""

from collections.abc import Callable, Iterable

from creditstream.connection import Brokers
from creditstream.records import Outgoing, records_of
from creditstream.sending import Sending, send_in_chunks
from schemas.events import Event
from streams.kafka.clients import producer_of

__all__ = ["Outgoing", "emit", "records_of", "send"]


async def emit(
    events: Iterable[Event],
    *,
    bootstrap_servers: Brokers,
    partition_count: int,
    on_acknowledged: Callable[[int], None],
) -> int:
    """Send events in their order and await every acknowledgement; gives the number of records.

    The rest is as in `send`.
    """
    records = (record for event in events for record in records_of(event, partition_count=partition_count))
    return await send(records, bootstrap_servers=bootstrap_servers, on_acknowledged=on_acknowledged)


async def send(records: Iterable[Outgoing], *, bootstrap_servers: Brokers, on_acknowledged: Callable[[int], None]) -> int:
    """Send records in their order and await every acknowledgement; gives their number.

    `on_acknowledged` is told how many more records are safe, also where it ends by an error or a cancellation. Raises
    TransientError where the brokers do not answer, do not take a record, or acknowledge nothing for half a minute.
    """
    tally = _Tally(on_acknowledged)
    try:
        async with producer_of(bootstrap_servers) as producer:
            async for _ in send_in_chunks(records, producer, on_begun=tally.watch):
                tally.tell()
    finally:
        tally.tell()
    return tally.count


class _Tally:
    """Counts acknowledgements as they come, and tells of them when it is asked to."""

    def __init__(self, on_acknowledged: Callable[[int], None]) -> None:
        self.count = 0
        self._told = 0
        self._on_acknowledged = on_acknowledged

    def watch(self, sending: Sending) -> None:
        sending.add_done_callback(self._take)

    def _take(self, sending: Sending) -> None:
        if not sending.cancelled() and sending.exception() is None:
            self.count += 1

    def tell(self) -> None:
        self._on_acknowledged(self.count - self._told)
        self._told = self.count
