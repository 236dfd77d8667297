"""The local store: one atomic step a commit, and nothing in it that is needed: what is in doubt is thrown away."""

import shutil

import pytest

from schemas.errors import TransientError
from streams.worker.store import AGE_MAX, LocalStore, Rebuild, StoreMark, StoreMemory, open_store

NOON = 1_772_366_400_000_000
MARK = StoreMark(changelog_position=7, state_id="a-state", written_at=NOON)


@pytest.fixture(scope="module")
def memory():
    return StoreMemory(cache_bytes=8 << 20, write_bytes=8 << 20)


@pytest.fixture
def folder(tmp_path, memory):
    """Give the folder of a store that was written once and closed."""
    store, rebuild = open_store(tmp_path / "store", memory, now=NOON)
    assert rebuild is None
    assert store.mark is None
    store.write({b"A1": b"one", b"A2": b"two", b"B": b"three"}, MARK)
    store.close()
    return store.folder


def contents(folder, memory, *, now=NOON):
    """Open a store; give why it was thrown away, its mark and all that it holds."""
    store, rebuild = open_store(folder, memory, now=now)
    found = rebuild, store.mark, dict(store.scan(b""))
    store.close()
    return found


def test_what_was_written_is_there_again_with_how_far_it_is(folder, memory):
    """Keys and mark survive; the mark is no key of the state."""
    assert contents(folder, memory) == (None, MARK, {b"A1": b"one", b"A2": b"two", b"B": b"three"})


def test_a_write_sets_deletes_and_marks_in_one_step(folder, memory):
    """After a write nothing of it is missing."""
    store = LocalStore(folder, memory)
    later = MARK._replace(changelog_position=9)
    store.write({b"A1": None, b"A3": b"new"}, later)
    assert (store.mark, list(store.scan(b"A"))) == (later, [(b"A2", b"two"), (b"A3", b"new")])
    assert store.get(b"A1") is None
    store.close()


def test_a_scan_gives_what_was_there_when_it_began(folder, memory):
    """Writes beside it are not seen, and keys with another beginning neither."""
    store = LocalStore(folder, memory)
    scan = store.scan(b"A")
    assert next(scan) == (b"A1", b"one")
    store.write({b"A2": b"changed", b"A3": b"new"}, MARK)
    assert list(scan) == [(b"A2", b"two")]
    store.close()


def test_a_store_that_stood_still_for_too_long_is_thrown_away(folder, memory):
    """The changelog may have forgotten deletions that it has not seen; six days are kept, one more is not."""
    assert contents(folder, memory, now=NOON + AGE_MAX)[0] is None
    assert contents(folder, memory, now=NOON + AGE_MAX + 1) == (Rebuild.OLD, None, {})


@pytest.mark.parametrize("file", ["MANIFEST-*", "CURRENT", "*.sst"])
def test_a_store_whose_files_are_cut_is_thrown_away(file, folder, memory):
    """Nobody mends it: the changelog has all of it."""
    contents(folder, memory)  # opening it anew moves what was logged into a table file
    cut = list(folder.glob(file))
    assert cut
    for path in cut:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    rebuild, mark, held = contents(folder, memory)
    if file == "*.sst" and rebuild is None:
        pytest.fail("a table file that was cut was not seen at the start")
    assert (rebuild, mark, held) == (Rebuild.DAMAGED, None, {})


def test_a_log_that_is_cut_leaves_a_store_that_is_further_behind(folder, memory):
    """What was written last is missing as a whole, and the mark says from where on to read."""
    store = LocalStore(folder, memory)
    store.write({b"A1": b"later"}, MARK._replace(changelog_position=9))
    as_killed = folder.with_name("as-killed")
    shutil.copytree(folder, as_killed)  # closing a store would empty its log
    store.close()
    [wal] = [path for path in as_killed.glob("*.log") if path.stat().st_size]
    wal.write_bytes(wal.read_bytes()[:-5])
    assert contents(as_killed, memory) == (None, MARK, {b"A1": b"one", b"A2": b"two", b"B": b"three"})


def test_a_store_that_is_open_is_not_thrown_away(folder, memory):
    """Whoever comes second is told so; the files of the first stay."""
    store = LocalStore(folder, memory)
    with pytest.raises(TransientError, match="cannot be opened"):
        open_store(folder, memory, now=NOON)
    assert store.get(b"B") == b"three"
    store.close()
    assert contents(folder, memory)[0] is None


def test_damage_that_is_found_while_it_is_open_removes_it(folder, memory):
    """What RocksDB calls corrupt is not opened a second time."""
    contents(folder, memory)
    store = LocalStore(folder, memory)
    assert store._named(Exception("Corruption: block checksum mismatch")).args[0].startswith("the local store")
    store.close()
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path, memory):
    """The sentence says which."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(TransientError, match=r"the local store .*file/store cannot be opened"):
        open_store(tmp_path / "file" / "store", memory, now=NOON)
