"""Signals that ask this process to end: turned into an ordinary exit, and put off where something must not stay half done."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ending_by_signal() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an ordinary exit, which ends the children (SIGINT is one already).

    One that is ignored, as under `nohup`, stays so.
    """
    if not _in_main_thread():
        # Only the main thread may set handlers; whoever starts a stack elsewhere ends it by leaving the block.
        yield
        return
    heeded = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _leave) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def signals_put_off() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP wait until the block is left; the first that came is then raised."""
    if not _in_main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in (signal.SIGINT, *_ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _leave(number: int, _frame: FrameType | None) -> None:
    """End this process the ordinary way, with the exit code that shells give to a signal."""
    raise SystemExit(128 + number)
