"""How a stack is, as an outsider sees it: each part by what the supervisor wrote down, and asked whether it answers now."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from streams.embedded.folder_lock import holder_of
from streams.embedded.identity import Identity
from streams.embedded.processes import read_notes
from streams.embedded.state import PartState, Used, read_state


class PartHealth(NamedTuple):
    """A part as it is now: `state` says it in words, `answers` whether it does what it is there for.

    `pid`, `since` (aware UTC) and `restarts` are None for what runs elsewhere; `pid` also while a part does not run.
    """

    name: str
    state: str
    pid: int | None
    since: datetime | None
    restarts: int | None
    address: str
    answers: bool
    is_well: bool


class StackHealth(NamedTuple):
    """The whole stack: the supervising process, or None where there is none, what is amiss as a whole, and its parts.

    `trouble` is None where the supervisor watches over parts; `is_well` only where each of them is well too.
    """

    supervisor: Identity | None
    trouble: str | None
    parts: tuple[PartHealth, ...]

    @property
    def is_well(self) -> bool:
        """Say whether the stack runs and every part of it answers."""
        return self.trouble is None and all(part.is_well for part in self.parts)


def health_of(data_folder: Path) -> StackHealth:
    """Look at the stack of a data folder, from any process; nothing in the folder is changed."""
    supervisor = holder_of(data_folder)
    if supervisor is None:
        return StackHealth(None, _left_behind(data_folder) or f"nothing runs in {data_folder}; 'credits up' starts it", ())
    state = read_state(data_folder, supervisor=supervisor)
    if state is None:
        return StackHealth(supervisor, f"process {supervisor.pid} has {data_folder} and is starting", ())
    now = datetime.now(UTC)
    used = (_health_of_used(each) for each in state.used)
    return StackHealth(supervisor, None, (*used, *(_health_of_part(part, now=now) for part in state.parts)))


def _left_behind(data_folder: Path) -> str | None:
    """Say what an ended supervisor left running, or nothing."""
    left = [f"{noted.name} (process {noted.pid})" for noted in read_notes(data_folder) if noted.runs()]
    if not left:
        return None
    return f"the supervisor has ended and left {', '.join(left)}; 'credits down' ends them, 'credits up' starts anew"


def _health_of_part(part: PartState, *, now: datetime) -> PartHealth:
    answers = part.pid is not None and part.address.answers()
    is_restless = part.keeps_ending(now)
    return PartHealth(
        name=part.name,
        state=_state_in_words(part, answers=answers, is_restless=is_restless),
        pid=part.pid,
        since=part.since,
        restarts=part.restarts,
        address=str(part.address),
        answers=answers,
        is_well=answers and not is_restless,
    )


def _state_in_words(part: PartState, *, answers: bool, is_restless: bool) -> str:
    if is_restless:
        return f"keeps ending ({part.ending})"
    if part.pid is None:
        return f"ended ({part.ending}), is started again"
    return "running" if answers else "not ready"


def _health_of_used(used: Used) -> PartHealth:
    answers = used.answers()
    return PartHealth(
        name=used.name,
        state=f"elsewhere ({used.setting})",
        pid=None,
        since=None,
        restarts=None,
        address=", ".join(str(address) for address in used.addresses),
        answers=answers,
        is_well=answers,
    )
