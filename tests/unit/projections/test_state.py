"""Both states keep one contract: single keys, and all keys with a prefix in order."""

import pytest

from projections.state import MemoryState, OverlayState


def overlay_over_some():
    base = MemoryState()
    for key in (b"a1", b"a2", b"a3", b"b1"):
        base.put(key, b"base")
    overlay = OverlayState(base)
    overlay.delete(b"a2")
    overlay.put(b"a0", b"new")
    overlay.put(b"a3", b"changed")
    return overlay


def memory_with_the_same():
    state = MemoryState()
    for key, value in ((b"a1", b"base"), (b"a0", b"new"), (b"a3", b"changed"), (b"b1", b"base"), (b"a2", b"gone")):
        state.put(key, value)
    state.delete(b"a2")
    return state


@pytest.mark.parametrize("make", [overlay_over_some, memory_with_the_same])
def test_a_state_reads_what_was_written(make):
    """Written, changed, deleted and untouched keys read alike in memory and on top of a base."""
    state = make()
    assert [state.get(key) for key in (b"a0", b"a1", b"a2", b"a3", b"zz")] == [b"new", b"base", None, b"changed", None]
    assert list(state.scan(b"a")) == [(b"a0", b"new"), (b"a1", b"base"), (b"a3", b"changed")]
    assert [key for key, _ in state.scan(b"")] == [b"a0", b"a1", b"a3", b"b1"]
    state.delete(b"nowhere")
    assert list(state.scan(b"no")) == []


@pytest.mark.parametrize("make", [overlay_over_some, memory_with_the_same])
def test_a_scan_is_not_disturbed_by_writes(make):
    """What a scan gives is what stood when it began."""
    state = make()
    scan = state.scan(b"a")
    state.put(b"a00", b"later")
    state.delete(b"a3")
    assert [key for key, _ in scan] == [b"a0", b"a1", b"a3"]


def test_an_overlay_leaves_its_base_alone():
    """Nothing reaches the base until somebody carries the writes over."""
    base = MemoryState()
    base.put(b"a", b"1")
    overlay = OverlayState(base)
    overlay.put(b"a", b"2")
    overlay.delete(b"b")
    assert base.get(b"a") == b"1"
    assert dict(overlay.writes) == {b"a": b"2", b"b": None}
