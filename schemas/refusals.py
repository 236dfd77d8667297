"""The named answers that a record can get instead of being accepted (docs/ledger.md 3)."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why a record is refused, in the order in which the reasons are looked for (docs/ledger.md 3.1 to 3.5, 3.11)."""

    UNDECODABLE = "undecodable"
    INVALID = "invalid"
    WRONG_KEY = "wrong_key"
    EVENT_CONFLICT = "event_conflict"
    GRANT_CONFLICT = "grant_conflict"
    TOO_LATE = "too_late"
    TOO_EARLY = "too_early"
    TOO_MANY_GRANTS = "too_many_grants"


class Refusal(NamedTuple):
    """Why one record is refused: the reason, the field at fault (null for what cannot be decoded), and a sentence."""

    reason: Reason
    field: str | None
    detail: str


class Conflict(StrEnum):
    """What makes an accepted event stand apart from the rest of the books (docs/ledger.md 3.10)."""

    VOID_WITHOUT_GRANT = "void_without_grant"
    REVERSAL_WITHOUT_CONSUMPTION = "reversal_without_consumption"
    REVERSAL_EXCEEDS_CONSUMPTION = "reversal_exceeds_consumption"
    UNKNOWN_CREDIT_TYPE = "unknown_credit_type"
    UNLIMITED_NOT_ALLOWED = "unlimited_not_allowed"
