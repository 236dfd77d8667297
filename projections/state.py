"""The small interface behind which the books keep what they must remember.

Keys and values are bytes, keys are ordered, so that the same core runs on a dict in a test, on an overlay of writes not yet
committed, and on a store on disk.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

from sortedcontainers import SortedDict


class ReadableState(Protocol):
    """What is asked of a store that is only read: single keys, and all keys with a prefix in order."""

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""

    def scan(
        self, prefix: bytes, *, start: bytes | None = None, last: bytes | None = None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Give all keys that begin with the prefix, in the order of their bytes, as they were when the scan began.

        `start` (None: the prefix) is the least key that is given, `last` (None: none) the greatest; both begin with the prefix.
        Not more than `limit` keys are given (None: all).
        """


class State(ReadableState, Protocol):
    """What the core asks of a store: to be read, and to be changed key by key."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of a key."""

    def delete(self, key: bytes) -> None:
        """Remove a key; a key that is not there is no trouble."""


class MemoryState:
    """A state in memory: for `credits fold`, for tests, and under a worker's overlay."""

    def __init__(self) -> None:
        self._values: SortedDict[bytes, bytes] = SortedDict()

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""
        value: bytes | None = self._values.get(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        self._values[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key; a key that is not there is no trouble."""
        self._values.pop(key, None)

    def scan(
        self, prefix: bytes, *, start: bytes | None = None, last: bytes | None = None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Give all keys that begin with the prefix, in order, as they were when the scan began."""
        return iter(_entries(self._values, prefix, start, last, limit))


class OverlayState:
    """Writes on top of a base that is only read: what is in flight, until the transaction that carries it has committed.

    `writes` holds each key written since the overlay was made, in order; None stands for a deleted key.
    """

    def __init__(self, base: ReadableState) -> None:
        self._base = base
        self.writes: SortedDict[bytes, bytes | None] = SortedDict()

    def lie_on(self, base: ReadableState) -> None:
        """Lie on another base that holds the same as the one before: what is written stays, also for work under way."""
        self._base = base

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""
        if key in self.writes:
            value: bytes | None = self.writes[key]
            return value
        return self._base.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of a key in the overlay."""
        self.writes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key in the overlay."""
        self.writes[key] = None

    def scan(
        self, prefix: bytes, *, start: bytes | None = None, last: bytes | None = None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Give all keys that begin with the prefix, in order, the overlay's writes before the base's values."""
        written = _entries(self.writes, prefix, start, last, None)
        if not written:
            return self._base.scan(prefix, start=start, last=last, limit=limit)
        below = self._base.scan(prefix, start=start, last=last, limit=None if limit is None else limit + len(written))
        return islice(_merged(written, below), limit)


def _merged(written: list[tuple[bytes, bytes | None]], below: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Give what was written and what lies below it in the order of keys; what was written hides what has its key."""
    position = 0
    for key, value in below:
        while position < len(written) and written[position][0] < key:
            yield from _if_present(written[position])
            position += 1
        if position < len(written) and written[position][0] == key:
            continue
        yield key, value
    for entry in written[position:]:
        yield from _if_present(entry)


def _if_present(entry: tuple[bytes, bytes | None]) -> Iterator[tuple[bytes, bytes]]:
    key, value = entry
    if value is not None:
        yield key, value


def _entries(
    values: SortedDict[bytes, Any], prefix: bytes, start: bytes | None, last: bytes | None, limit: int | None
) -> list[tuple[bytes, Any]]:
    found: list[tuple[bytes, Any]] = []
    for key in values.irange(minimum=start or prefix, maximum=last):
        if len(found) == limit or not key.startswith(prefix):
            break
        found.append((key, values[key]))
    return found
