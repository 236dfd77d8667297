"""A process that cannot be mistaken for another: its number, and the instant at which it began.

Numbers are used again, so a number alone that was written down earlier may by now be somebody else's.
"""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Names this run of the machine, where the system is Linux."""


class Identity(NamedTuple):
    """A process: its number, and when it began, in words that only serve comparison (empty where they are not known)."""

    pid: int
    began: str

    def runs(self) -> bool:
        """Say whether this very process still runs."""
        return bool(self.began) and began(self.pid) == self.began


def own_identity() -> Identity:
    """Give the identity of this process."""
    return identity_of(os.getpid())


def identity_of(pid: int) -> Identity:
    """Give the identity of the process that has this number now."""
    return Identity(pid, began(pid) or "")


def began(pid: int) -> str | None:
    """Tell when a process began, in words that are the same each time, or None where it does not run."""
    if _BOOT.exists():
        try:
            # The name in parentheses may hold anything; the 20th field after it counts ticks since the machine started.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        # A zombie has ended; only its number is still there.
        return None if fields[0] == "Z" else f"{_BOOT.read_text(encoding='utf-8').strip()} {fields[19]}"
    answer = subprocess.run(  # noqa: S603 - a number is all that varies
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - where there is no /proc, ps is part of the system
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or None
