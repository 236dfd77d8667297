"""The layout of the state before this one: accepted events alone, all of them, and rows derived from them beside.

Its grants and voids lie as they do now; consumption and reversals lay under customer, instant and event.
"""

from projections import keys
from projections.state import State
from projections.stored import StoredEvent, unpack

_CUSTOMER = b"C"
_EVENTS = (keys.GRANT, keys.VOID, keys.USAGE, keys.REVERSAL)
_DERIVED = (_CUSTOMER, keys.IDENTITY, keys.LOT, keys.MONTH, keys.COUNTER)


def take_layout_2(state: State) -> list[StoredEvent]:
    """Take everything of the books but clocks and master data out of a state of layout 2, and give its accepted events."""
    found = [(key, unpack(value)) for letter in _EVENTS for key, value in state.scan(letter)]
    gone = [key for letter in _DERIVED for key, _ in state.scan(letter)]
    for key in (*(key for key, _ in found), *gone):
        state.delete(key)
    return [stored for _, stored in found]
