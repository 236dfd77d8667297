"""A record on its way to the broker."""

from typing import NamedTuple


class Message(NamedTuple):
    """One record to be written to a topic partition; `timestamp` in UTC milliseconds (None: now)."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
