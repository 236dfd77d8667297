"""The local store of a partition number: RocksDB, brought up from its own position in the changelog, thrown away when in doubt.

It holds only what has been committed, and is written once a commit, in one atomic step with the position in the changelog from
which a restart reads on. Nothing in it is needed: whatever cannot be trusted is removed, and rebuilt from the changelog. That
is so for a store that cannot be opened, that is of another log (its state id tells), that is ahead of the log, or that is so
old that the log may have forgotten deletions since (`delete.retention.ms`, docs/architecture.md, delivery).
"""

import shutil
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import msgspec
from rocksdict import BlockBasedIndexType, BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteBufferManager

from projections.state import ReadableState
from schemas.errors import TransientError
from schemas.instants import MICROSECONDS_PER_DAY

AGE_MAX = 6 * MICROSECONDS_PER_DAY
"""How long a store may have stood still: a day less than the changelog keeps deletions."""

_MARK = b"\x01store"
_BLOCK_BYTES = 16 << 10
_BLOOM_BITS_A_KEY = 10
_METADATA_BLOCK_BYTES = 4 << 10
_LOG_FILES_KEPT = 2


_NO_DAMAGE = (
    "lock hold",
    "No locks available",
    "Resource temporarily unavailable",
    "No space left",
    "Read-only file system",
    "Permission denied",
    "Too many open files",
    "already closed",
)
"""What the system says where a store is whole and cannot be had now; anything else is taken for damage."""


class Rebuild(Enum):
    """Why a store was thrown away."""

    DAMAGED = "damaged"
    OLD = "old"
    AHEAD = "ahead"
    FOREIGN = "foreign"


class StoreMark(NamedTuple):
    """How far a store is: the changelog offset to read on from, whose state it is, when it was written (UTC microseconds)."""

    changelog_position: int
    state_id: str
    written_at: int


class CommittedState(ReadableState, Protocol):
    """A state that changes as a whole, once a commit."""

    def write(self, writes: Mapping[bytes, bytes | None], mark: StoreMark) -> None:
        """Set and delete keys, and keep how far that is, in one step."""


class StoreMemory:
    """The memory that all stores of a worker share: a cache of blocks, and what was written and not yet flushed."""

    def __init__(self, *, cache_bytes: int, write_bytes: int) -> None:
        self._cache = Cache(cache_bytes)
        self._writes = WriteBufferManager.new_write_buffer_manager_with_cache(write_bytes, False, self._cache)

    def options(self) -> Options:
        """Give the options of a store that shares this memory."""
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_manager(self._writes)
        options.set_max_background_jobs(2)
        options.set_keep_log_file_num(_LOG_FILES_KEPT)
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self._cache)
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_block_size(_BLOCK_BYTES)
        blocks.set_bloom_filter(_BLOOM_BITS_A_KEY, False)
        # In small parts: the filter or index of a whole file may be larger than a shard of the cache, and then be read anew
        # from the disk for every key.
        blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
        blocks.set_partition_filters(True)
        blocks.set_metadata_block_size(_METADATA_BLOCK_BYTES)
        blocks.set_pin_top_level_index_and_filter(True)
        options.set_block_based_table_factory(blocks)
        return options


class LocalStore:
    """An open store; see `open_store`. Everything that RocksDB refuses, such as a full disk, is raised as TransientError."""

    def __init__(self, folder: Path, memory: StoreMemory) -> None:
        self.folder = folder
        self.is_damaged = False
        self._memory = memory
        self._database = _open(folder, memory)

    @property
    def mark(self) -> StoreMark | None:
        """How far the store is; None for one that was never written."""
        value = self.get(_MARK)
        return None if value is None else msgspec.msgpack.decode(value, type=StoreMark)

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""
        try:
            value: bytes | None = self._database.get(key)
        except Exception as error:
            raise self._named(error) from error
        return value

    def scan(
        self, prefix: bytes, *, start: bytes | None = None, last: bytes | None = None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Give the keys that begin with the prefix, from `start` to `last`, in order, as they were when the scan began."""
        count = 0
        try:
            for key, value in self._database.items(from_key=start or prefix):
                if count == limit or not key.startswith(prefix) or (last is not None and key > last):
                    return
                if key != _MARK:
                    yield key, value
                    count += 1
        except Exception as error:
            raise self._named(error) from error

    def write(self, writes: Mapping[bytes, bytes | None], mark: StoreMark) -> None:
        """Set and delete keys, and keep how far that is, in one atomic step."""
        batch = WriteBatch(raw_mode=True)
        for key, value in writes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_MARK, msgspec.msgpack.encode(mark))
        try:
            self._database.write(batch)
        except Exception as error:
            raise self._named(error) from error

    def rebuild(self) -> Self:
        """Throw everything away; the store is empty then."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._database = _open(self.folder, self._memory)
        return self

    def close(self) -> None:
        """Let go of the folder, and remove it where damage was found; the store is of no use any more."""
        self._database.close()
        if self.is_damaged:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _named(self, error: Exception) -> TransientError:
        self.is_damaged = self.is_damaged or _is_damage(error)
        return TransientError(f"the local store {self.folder} failed: {error}")


def open_store(folder: Path, memory: StoreMemory, *, now: int) -> tuple[LocalStore, Rebuild | None]:
    """Open the store in a folder, or an empty one where it cannot be trusted (then why is told); `now` in UTC microseconds.

    Raises TransientError where not even an empty one can be made.
    """
    try:
        store = LocalStore(folder, memory)
        mark = store.mark
    except (TransientError, msgspec.DecodeError) as error:
        if not _is_damage(error):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return LocalStore(folder, memory), Rebuild.DAMAGED
    if mark is not None and now - mark.written_at > AGE_MAX:
        return store.rebuild(), Rebuild.OLD
    return store, None


def _is_damage(error: Exception) -> bool:
    return not any(words in str(error) for words in _NO_DAMAGE)


def _open(folder: Path, memory: StoreMemory) -> Any:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Rdict(str(folder), options=memory.options())
    except Exception as error:
        raise TransientError(f"the local store {folder} cannot be opened: {error}") from error
