"""What a worker keeps in the state of a partition number beside the books: positions, commit number, and whose state it is.

Its keys begin with a zero byte, those of the books with a letter. Values are decimal or plain text, readable in any tool.
"""

from typing import NamedTuple

from projections.state import ReadableState, State
from schemas.errors import SettingsError

LAYOUT = 2
"""The layout of everything in the state; a worker reads the one before as well, and refuses a later one than its own.

From 1 to 2: lots, months and campaign counters are kept beside the events that they follow from.
"""

_POSITION = b"\x00position|"
COMMIT = b"\x00commit"
"""The key under which each commit leaves its number and the id of the state."""
_LAYOUT = b"\x00layout"
_CATALOG = b"\x00catalog"
_PARTITION_COUNT = b"\x00partition_count"


def read_position(state: ReadableState, topic: str) -> int:
    """Give the fetch position up to which a topic partition has been applied; 0 for one never read."""
    return _read_number(state, _POSITION + topic.encode())


def write_position(state: State, topic: str, position: int) -> None:
    """Keep the fetch position up to which a topic partition has been applied."""
    state.put(_POSITION + topic.encode(), b"%d" % position)


class Commit(NamedTuple):
    """The last commit of a state: its number, and the id that tells the state from any other."""

    number: int
    state_id: str

    def written(self) -> bytes:
        """Give the value that `COMMIT` has."""
        return f"{self.number} {self.state_id}".encode()


def read_commit(state: ReadableState) -> Commit | None:
    """Give the last commit; None where there was none."""
    value = state.get(COMMIT)
    return None if value is None else commit_of(value)


def commit_of(value: bytes) -> Commit:
    """Read the value of `COMMIT`; a state of layout 1 had no id."""
    number, _, state_id = value.decode().partition(" ")
    return Commit(int(number), state_id)


def write_commit(state: State, commit: Commit) -> None:
    """Keep the number of a commit and the id of the state."""
    state.put(COMMIT, commit.written())


def read_layout(state: ReadableState) -> int:
    """Give the layout that a state was last written with; 0 for an empty state."""
    return _read_number(state, _LAYOUT)


def write_identity(state: State, *, catalog_fingerprint: str, partition_count: int) -> None:
    """Keep what the state was made with."""
    state.put(_LAYOUT, b"%d" % LAYOUT)
    state.put(_CATALOG, catalog_fingerprint.encode())
    state.put(_PARTITION_COUNT, b"%d" % partition_count)


def check_identity(state: ReadableState, *, catalog_fingerprint: str, partition_count: int) -> None:
    """Check that a state goes with this worker, its catalog and its number of partitions; an empty state goes with any.

    Raises SettingsError with a sentence on what differs.
    """
    if read_commit(state) is None:
        return
    layout = read_layout(state)
    if layout > LAYOUT:
        raise SettingsError(f"the state has layout {layout}, and this release knows {LAYOUT} at most; use a newer release")
    counted = _read_number(state, _PARTITION_COUNT)
    if counted != partition_count:
        raise SettingsError(f"the state was made for {counted} partitions, not for {partition_count}; the number is for life")
    if state.get(_CATALOG) != catalog_fingerprint.encode():
        raise SettingsError(
            "the catalog, or the time zone database, is another than the one that the state was made with, so published "
            "months could change unseen; start with that one, or with a new generation"
        )


def _read_number(state: ReadableState, key: bytes) -> int:
    value = state.get(key)
    return 0 if value is None else int(value)
