"""All exceptions of creditstream on one page: one class, one fate.

Expected trouble is a value (`schemas.refusals.Refusal`); what is raised here is an outage, a bug, or a command that cannot
be carried out.
"""


class CreditsError(Exception):
    """The root of all errors that creditstream raises on purpose."""


class DecodeError(CreditsError):
    """Bytes that no shipped schema can read; the record is refused as `undecodable`."""


class SettingsError(CreditsError):
    """A setting, catalog or command-line argument that cannot be used; the start is refused with this sentence."""


class TransientError(CreditsError):
    """An outage: the work is not acknowledged, and is done again."""


class InvariantViolation(CreditsError):
    """A law of the ledger is broken: a bug; the partition stops without committing."""
