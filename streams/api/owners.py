"""Which worker holds each partition number, so that whichever is asked can ask the one that knows (docs/http.md).

A worker that has opened a number says its address in the topic `credits.control`, and all follow that topic. The word of a
worker that is late may come after that of the next owner; so whoever holds a number open and reads another's word on it says
its own again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from aiokafka.errors import KafkaError

from creditstream.connection import Brokers
from schemas.errors import TransientError
from streams.api.sender import Sender
from streams.kafka.clients import reader_of
from streams.kafka.control import CONTROL_LOG, Owner, owner_of, owner_record

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_SAID_SECONDS = 2.0
"""So long a word that was said has to be read again, before it is said once more."""
_PAUSE_SECONDS = 1.0
_WAIT_MILLISECONDS = 500


class Numbered(Protocol):
    """A partition number that is open."""

    @property
    def number(self) -> int:
        """Which one it is."""


class Owners:
    """Who owns which number, by the last word on each; `opened` gives what is open on this worker, whose address is given."""

    def __init__(self, brokers: Brokers, *, address: str, sender: Sender, opened: Callable[[], Sequence[Numbered]]) -> None:
        self.address = address
        self._brokers = brokers
        self._sender = sender
        self._opened = opened
        self._owners: dict[int, str] = {}
        self._said_at: dict[int, float] = {}

    def address_of(self, number: int) -> str | None:
        """Give where the owner of a number answers; None where nobody has said so."""
        return self._owners.get(number)

    async def follow(self) -> None:
        """Read what workers say, for ever; an outage is waited out."""
        while True:
            try:
                await self._read_on()
            except TransientError as error:
                log.warning("which worker holds what cannot be read, and is tried again: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def tell(self) -> None:
        """Say what this worker has opened, as long as the last word is another's, for ever; an outage is waited out."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            untold = self._untold()
            if not untold:
                continue
            try:
                await self._sender.send([owner_record(Owner(number, self.address)) for number in untold])
            except TransientError as error:
                log.warning("what this worker holds cannot be said, and is tried again: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._said_at |= dict.fromkeys(untold, time.monotonic())

    def _untold(self) -> list[int]:
        now = time.monotonic()
        numbers = [one.number for one in self._opened() if self._owners.get(one.number) != self.address]
        return [number for number in numbers if now >= self._said_at.get(number, 0.0) + _SAID_SECONDS]

    async def _read_on(self) -> None:
        async with reader_of(self._brokers, wait_milliseconds=_WAIT_MILLISECONDS) as reader:
            reader.assign([CONTROL_LOG])
            await reader.seek_to_beginning(CONTROL_LOG)
            while True:
                try:
                    fetched = await reader.getmany(timeout_ms=2 * _WAIT_MILLISECONDS)
                except KafkaError as error:
                    raise TransientError(f"the topic cannot be read: {error!r}") from error
                for record in (record for records in fetched.values() for record in records):
                    owner = owner_of(record.key, record.value)
                    if owner is not None:
                        self._owners[owner.number] = owner.address
