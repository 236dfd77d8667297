"""What a worker keeps in the state of a partition number beside the books: positions, commit number, and whose state it is.

Its keys begin with a zero byte, those of the books with a letter. Values are decimal or plain text, readable in any tool.
"""

from typing import NamedTuple

import msgspec

from projections.catalog_change import changes_of_catalog
from projections.state import ReadableState, State
from schemas.catalog import DecisiveCatalog
from schemas.errors import SettingsError

LAYOUT = 3
"""The layout of everything in the state; a worker reads the one before as well, and refuses a later one than its own.

From 2 to 3: consumption lies by account together with its payment, and what is settled is folded up and dropped.
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
    """Read the value of `COMMIT`."""
    number, _, state_id = value.decode().partition(" ")
    return Commit(int(number), state_id)


def write_commit(state: State, commit: Commit) -> None:
    """Keep the number of a commit and the id of the state."""
    state.put(COMMIT, commit.written())


def read_layout(state: ReadableState) -> int:
    """Give the layout that a state was last written with; 0 for an empty state."""
    return _read_number(state, _LAYOUT)


def write_identity(state: State, *, catalog: DecisiveCatalog, partition_count: int) -> None:
    """Keep what the state was made with."""
    state.put(_LAYOUT, b"%d" % LAYOUT)
    state.put(_CATALOG, msgspec.json.encode(catalog))
    state.put(_PARTITION_COUNT, b"%d" % partition_count)


def read_catalog(state: ReadableState) -> DecisiveCatalog | None:
    """Give the catalog that a state was last written with; None for an empty state."""
    value = state.get(_CATALOG)
    return None if value is None else msgspec.json.decode(value, type=DecisiveCatalog)


def check_identity(state: ReadableState, *, catalog: DecisiveCatalog, partition_count: int) -> list[str]:
    """Check that a state goes with this worker, its catalog and its number of partitions; an empty state goes with any.

    Gives what changed in the catalog where no figure depends on it. Raises SettingsError with a sentence on what differs
    otherwise.
    """
    if read_commit(state) is None:
        return []
    layout = read_layout(state)
    if layout < LAYOUT - 1:
        raise SettingsError(f"the state has layout {layout}, and this release reads {LAYOUT - 1} and {LAYOUT}; rebuild it")
    if layout > LAYOUT:
        raise SettingsError(f"the state has layout {layout}, and this release knows {LAYOUT} at most; use a newer release")
    counted = _read_number(state, _PARTITION_COUNT)
    if counted != partition_count:
        raise SettingsError(f"the state was made for {counted} partitions, not for {partition_count}; the number is for life")
    before = read_catalog(state)
    changes = [] if before is None else changes_of_catalog(before, catalog, state=state)
    # A state of the layout before does not say yet what it has events of.
    decisive = [change.words for change in changes if change.matters or layout < LAYOUT]
    if decisive:
        raise SettingsError(
            f"the catalog would change figures that are published: {'; '.join(decisive)}; start with the catalog as it was"
        )
    return [change.words for change in changes]


def _read_number(state: ReadableState, key: bytes) -> int:
    value = state.get(key)
    return 0 if value is None else int(value)
