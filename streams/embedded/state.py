"""What the supervisor writes down about the parts, for `credits status`: one file beside the data, never half."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from streams.embedded.addresses import Address
from streams.embedded.identity import Identity
from streams.embedded.kept_files import write_whole

_NAME = "state.json"
_ENDINGS_OF_A_RESTLESS = 3
_STEADY_SECONDS = 10


class PartState(msgspec.Struct, frozen=True):
    """A part as the supervisor last saw it.

    `pid` is None while it is not running; `since` is when it was started or ended (aware UTC); `restarts` counts how often
    the supervisor started it again; `endings` how often it ended with less than a minute of life between; `ending` says
    how it ended the last time, and is empty where it never did.
    """

    name: str
    address: Address
    pid: int | None
    since: datetime
    restarts: int = 0
    endings: int = 0
    ending: str = ""

    def keeps_ending(self, now: datetime) -> bool:
        """Say whether it has ended again and again, and has not run steadily since."""
        is_steady = self.pid is not None and now - self.since >= timedelta(seconds=_STEADY_SECONDS)
        return self.endings >= _ENDINGS_OF_A_RESTLESS and not is_steady


class Used(msgspec.Struct, frozen=True):
    """What runs elsewhere and is only used: its name, where it is reached (any of them will do), and what names it."""

    name: str
    addresses: Sequence[Address]
    setting: str

    def answers(self) -> bool:
        """Say whether it answers at one of its addresses."""
        return any(address.answers() for address in self.addresses)


class StackState(msgspec.Struct, frozen=True):
    """The whole stack: the supervisor that watches over it, its parts in the order of their start, and what it only uses."""

    supervisor: Identity
    parts: Sequence[PartState]
    used: Sequence[Used] = ()


def write_state(data_folder: Path, state: StackState) -> None:
    """Write the state into a data folder; raises OSError where that fails."""
    write_whole(data_folder / _NAME, msgspec.json.encode(state))


def read_state(data_folder: Path, *, supervisor: Identity) -> StackState | None:
    """Read the state that a supervisor wrote, or None where it has not written one yet: another's says nothing of it."""
    try:
        state = msgspec.json.decode((data_folder / _NAME).read_bytes(), type=StackState)
    except (OSError, msgspec.DecodeError):
        return None
    return state if state.supervisor == supervisor else None
