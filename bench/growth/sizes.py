"""How much lies on disk: logs of the broker, and the local stores of a worker that has ended."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from streams.worker.store import LocalStore, StoreMemory

_STORE_BYTES = 64 << 20


class StateSize(NamedTuple):
    """The size of a state: of its files, of its keys and values, and how many keys there are and how many bytes by letter."""

    file_bytes: int
    content_bytes: int
    key_count: int
    keys_by_letter: dict[str, int]
    bytes_by_letter: dict[str, int]


def log_bytes(kafka_folder: Path, topic: str) -> int:
    """Give how much of a topic lies in the log files of an embedded broker, its indexes not counted."""
    return sum(path.stat().st_size for path in kafka_folder.glob(f"{topic}-*/*.log") if _is_of(path, topic))


def state_size(state_folder: Path) -> StateSize:
    """Measure the stores of a worker that has ended."""
    file_bytes = sum(path.stat().st_size for path in state_folder.rglob("*") if path.is_file())
    key_counts: Counter[str] = Counter()
    byte_counts: Counter[str] = Counter()
    memory = StoreMemory(cache_bytes=_STORE_BYTES, write_bytes=_STORE_BYTES)
    for folder in sorted(state_folder.glob("generation-*/partition-*")):
        store = LocalStore(folder, memory)
        for key, value in store.scan(b""):
            letter = key[:1].decode() if key[:1].isalpha() else "other"
            key_counts[letter] += 1
            byte_counts[letter] += len(key) + len(value)
        store.close()
    return StateSize(file_bytes, byte_counts.total(), key_counts.total(), dict(key_counts), dict(byte_counts))


def _is_of(path: Path, topic: str) -> bool:
    """Tell whether a log file is of a topic; the names of some topics begin with those of others."""
    return path.parent.name.rpartition("-")[0] == topic
