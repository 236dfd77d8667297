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


class SettledError(CreditsError):
    """What is asked lies before the boundary: the state keeps nothing of it, and ClickHouse has it."""


class DerivingError(CreditsError):
    """What is asked is being derived after a late event: the same question has an answer soon."""


class NotThereError(CreditsError):
    """What is asked about is not in the books, which answered: asking again changes nothing."""


class InvalidEvent(CreditsError):
    """What a caller of the client library wants to say is no event; nothing was sent.

    `field` is the field at fault (dotted for parts of an activity), `detail` a sentence saying what is wrong with it.
    """

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field} {detail}")
        self.field = field
        self.detail = detail


class NotAcknowledged(TransientError):
    """The brokers have not confirmed a record: whether it is kept is unknown, and sending it again is harmless."""


class EmitterClosed(CreditsError):
    """An emitter was used before it was started or after it was closed; nothing was sent."""
