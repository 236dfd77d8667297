"""Where a schema registry is: a value of its own, so that settings need nothing of what asks it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RegistryAddress:
    """Where a schema registry is, and as whom it is asked; a password without user counts for nothing."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
