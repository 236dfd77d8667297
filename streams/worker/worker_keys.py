"""What a worker keeps in the state of a partition number beside the books: positions, commit number, and whose state it is.

Its keys begin with a zero byte, those of the books with a letter. Values are decimal or plain text, readable in any tool.
"""

from projections.state import State
from schemas.errors import SettingsError

LAYOUT = 1
"""The layout of everything in the state; a worker refuses a later one than its own."""

_POSITION = b"\x00position|"
_COMMIT = b"\x00commit"
_LAYOUT = b"\x00layout"
_CATALOG = b"\x00catalog"
_PARTITION_COUNT = b"\x00partition_count"


def read_position(state: State, topic: str) -> int:
    """Give the fetch position up to which a topic partition has been applied; 0 for one never read."""
    return _read_number(state, _POSITION + topic.encode())


def write_position(state: State, topic: str, position: int) -> None:
    """Keep the fetch position up to which a topic partition has been applied."""
    state.put(_POSITION + topic.encode(), b"%d" % position)


def read_commit_number(state: State) -> int:
    """Give the number of the last commit; 0 where there was none."""
    return _read_number(state, _COMMIT)


def write_commit_number(state: State, number: int) -> None:
    """Keep the number of a commit."""
    state.put(_COMMIT, b"%d" % number)


def write_identity(state: State, *, catalog_fingerprint: str, partition_count: int) -> None:
    """Keep what the state was made with."""
    state.put(_LAYOUT, b"%d" % LAYOUT)
    state.put(_CATALOG, catalog_fingerprint.encode())
    state.put(_PARTITION_COUNT, b"%d" % partition_count)


def check_identity(state: State, *, catalog_fingerprint: str, partition_count: int) -> None:
    """Check that a state goes with this worker, its catalog and its number of partitions; an empty state goes with any.

    Raises SettingsError with a sentence on what differs.
    """
    if read_commit_number(state) == 0:
        return
    layout = _read_number(state, _LAYOUT)
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


def _read_number(state: State, key: bytes) -> int:
    value = state.get(key)
    return 0 if value is None else int(value)
