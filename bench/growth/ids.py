"""What it costs to find that an event is new: its id is looked for in a store that holds a million others, on disk.

The store is the worker's own, with its Bloom filters, beside one that is made alike but has none. The time is that of one
lookup, and needs a quiet machine; both are asked by turns.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from rocksdict import BlockBasedIndexType, BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from bench.growth.part import Part
from projections import keys
from projections.keys import Customer
from streams.worker.store import LocalStore, StoreMark, StoreMemory

_CACHE_BYTES = 64 << 20
_ROUNDS = 5
_LOOKUPS = 20_000
_CUSTOMERS = 10_000
_WRITE_KEYS = 10_000

_Get = Callable[[bytes], Any]


def measure(folder: Path, *, id_count: int) -> Part:
    """Fill both stores, then look for ids that are new and for ids that are known."""
    memory = StoreMemory(cache_bytes=_CACHE_BYTES, write_bytes=_CACHE_BYTES)
    filtered = LocalStore(folder / "filtered", memory)
    plain = Rdict(str(folder / "plain"), options=_options_without_filter())
    for begin in range(0, id_count, _WRITE_KEYS):
        writes = {_key(f"known-{number}", number): b"U" * 60 for number in range(begin, min(begin + _WRITE_KEYS, id_count))}
        filtered.write(writes, StoreMark(0, "bench", 0))
        batch = WriteBatch(raw_mode=True)
        for key, value in writes.items():
            batch.put(key, value)
        plain.write(batch)
    for store in (filtered._database, plain):  # noqa: SLF001 - all on disk, and nothing left to be merged meanwhile
        store.flush()
        store.compact_range(None, None)
    step = max(1, id_count // _LOOKUPS)
    known = [_key(f"known-{number}", number) for number in range(0, id_count, step)]
    new = [_key(f"new-{number}", number) for number in range(0, id_count, step)]
    gets: dict[str, _Get] = {"filter": filtered.get, "no filter": plain.get}
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(_ROUNDS):
        for kind, wanted in (("new", new), ("known", known)):
            for name, get in gets.items():
                found.setdefault((kind, name), []).append(_microseconds(get, wanted))
    filtered.close()
    plain.close()
    figures = {f"{kind} id, {name}": median(times) for (kind, name), times in found.items()}
    rows = [
        (kind, *(f"{figures[f'{kind} id, {name}']:.2f}" for name in gets), f"{_ratio(figures, kind):.2f}")
        for kind in ("new", "known")
    ]
    return Part(f"Looking for an id among {id_count:,}", ("id", "with Bloom filter, µs", "without, µs", "ratio"), rows, figures)


def _ratio(figures: dict[str, float], kind: str) -> float:
    return figures[f"{kind} id, filter"] / figures[f"{kind} id, no filter"]


def _key(event_id: str, number: int) -> bytes:
    customer = Customer("organization", f"customer-{number % _CUSTOMERS:05}")
    return keys.of(keys.IDENTITY, customer.key, event_id.encode())


def _microseconds(get: _Get, wanted: list[bytes]) -> float:
    began = time.perf_counter()
    for key in wanted:
        get(key)
    return (time.perf_counter() - began) / len(wanted) * 1e6


def _options_without_filter() -> Options:
    """Give the options of the worker's stores, but for the filter."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(Cache(_CACHE_BYTES))
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_block_size(16 << 10)
    blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
    blocks.set_metadata_block_size(4 << 10)
    options.set_block_based_table_factory(blocks)
    return options
