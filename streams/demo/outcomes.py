"""What may become of a record of the demo feed: each record has exactly one outcome, known before it is sent."""

from enum import StrEnum

from schemas.refusals import Conflict, Reason


class Outcome(StrEnum):
    """What the ledger makes of a record when it reads it for the first time (docs/ledger.md 3)."""

    ACCEPTED = "accepted"
    LATE = "late"
    MISROUTED = "misrouted"
    NAMES_AND_CAMPAIGNS = "names and campaigns"
    VOID_WITHOUT_GRANT = Conflict.VOID_WITHOUT_GRANT.value
    REVERSAL_WITHOUT_CONSUMPTION = Conflict.REVERSAL_WITHOUT_CONSUMPTION.value
    REVERSAL_EXCEEDS_CONSUMPTION = Conflict.REVERSAL_EXCEEDS_CONSUMPTION.value
    UNKNOWN_CREDIT_TYPE = Conflict.UNKNOWN_CREDIT_TYPE.value
    UNLIMITED_NOT_ALLOWED = Conflict.UNLIMITED_NOT_ALLOWED.value
    DUPLICATE = "duplicate"
    UNDECODABLE = Reason.UNDECODABLE.value
    INVALID = Reason.INVALID.value
    WRONG_KEY = Reason.WRONG_KEY.value
    EVENT_CONFLICT = Reason.EVENT_CONFLICT.value
    GRANT_CONFLICT = Reason.GRANT_CONFLICT.value
    TOO_LATE = Reason.TOO_LATE.value
    TOO_EARLY = Reason.TOO_EARLY.value

    @property
    def is_refused(self) -> bool:
        """Tell whether the record is a dead letter, and would be one again."""
        return self.value in _REASONS

    def when_known(self) -> "Outcome":
        """Give what becomes of the record when it is sent once more and the ledger remembers the first time."""
        return self if self.is_refused or self is Outcome.NAMES_AND_CAMPAIGNS else Outcome.DUPLICATE


_REASONS = frozenset(reason.value for reason in Reason)

MEANINGS: dict[Outcome, str] = {
    Outcome.ACCEPTED: "in the books",
    Outcome.LATE: "occurred a day or more before it was recorded; in the books where it belongs",
    Outcome.MISROUTED: "sent to a foreign partition; rerouted, then in the books",
    Outcome.NAMES_AND_CAMPAIGNS: "master data; the last one stands",
    Outcome.VOID_WITHOUT_GRANT: "accepted and reported: names a grant that nobody made",
    Outcome.REVERSAL_WITHOUT_CONSUMPTION: "accepted and reported: takes back what nobody used",
    Outcome.REVERSAL_EXCEEDS_CONSUMPTION: "accepted and reported: takes back what was left",
    Outcome.UNKNOWN_CREDIT_TYPE: "accepted and reported: no effect while the catalog does not list it",
    Outcome.UNLIMITED_NOT_ALLOWED: "accepted and reported: no effect while the catalog forbids it",
    Outcome.DUPLICATE: "a second delivery; counted, changes nothing",
    Outcome.UNDECODABLE: "refused: bytes that no schema reads",
    Outcome.INVALID: "refused: a field breaks a rule",
    Outcome.WRONG_KEY: "refused: the key is not the customer's",
    Outcome.EVENT_CONFLICT: "refused: a known event with other content",
    Outcome.GRANT_CONFLICT: "refused: a known grant with other content",
    Outcome.TOO_LATE: "refused: from before the 62 days that are open",
    Outcome.TOO_EARLY: "refused: more than 400 days ahead",
}
"""What an outcome means, in words for people."""
