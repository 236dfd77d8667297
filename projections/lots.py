"""The lots that a grant issues (docs/ledger.md 4.2 and 4.4)."""

from collections.abc import Iterator
from typing import NamedTuple

from projections.calendar import Calendar, Month
from schemas.events import ONCE, CreditGranted

EXPIRED = "EXPIRED"
UNUSED = "UNUSED"
VOIDED = "VOIDED"
NEVER = "NEVER"


LotKey = tuple[str, int]
"""(`grant_id`, start): what identifies a lot of an account."""


class Lot(NamedTuple):
    """A grant's credits for one validity interval [start, end), in UTC microseconds; an end of None is never.

    `natural_end` is the end that it would have without a void; `end` is the void's instant where that comes first.
    """

    grant: CreditGranted
    start: int
    end: int | None
    natural_end: int | None

    @property
    def granted_at(self) -> int:
        """When its grant was made, which need not be when it starts."""
        return self.grant.occurred_at

    @property
    def priority(self) -> int:
        """Its grant's priority."""
        return self.grant.priority

    @property
    def amount_micro(self) -> int | None:
        """What it holds; None is unlimited."""
        return self.grant.amount_micro

    @property
    def grant_id(self) -> str:
        """Its grant's id."""
        return self.grant.grant_id

    @property
    def key(self) -> LotKey:
        """What identifies the lot within its account."""
        return self.grant.grant_id, self.start

    @property
    def end_kind(self) -> str:
        """What becomes of the rest when the end has passed (docs/ledger.md 4.11)."""
        if self.end is None:
            return NEVER
        if self.end != self.natural_end:
            return VOIDED
        return EXPIRED if self.grant.cadence == ONCE else UNUSED

    def is_valid_at(self, instant: int) -> bool:
        """Tell whether the instant lies in [start, end)."""
        return self.start <= instant and (self.end is None or instant < self.end)


def issue(grant: CreditGranted, *, voided_at: int | None, calendar: Calendar, last_month: Month | None) -> list[Lot]:
    """Issue the lots of a grant in the order of their starts.

    `voided_at` is the instant at which the earliest void takes effect. Monthly lots are issued up to and including
    `last_month` (none where it is None), cut to the grant's own interval; a lot that would start at or after the void is
    never issued, one whose natural end is the void or earlier is untouched (docs/ledger.md 4.4).
    """
    issued = []
    for start, natural_end in _intervals(grant, calendar, last_month):
        if voided_at is not None and start >= voided_at:
            break
        cut_by_void = voided_at is not None and (natural_end is None or voided_at < natural_end)
        issued.append(Lot(grant=grant, start=start, end=voided_at if cut_by_void else natural_end, natural_end=natural_end))
    return issued


def _intervals(grant: CreditGranted, calendar: Calendar, last_month: Month | None) -> Iterator[tuple[int, int | None]]:
    if grant.cadence == ONCE:
        yield grant.effective_at, grant.expires_at
        return
    if last_month is None:
        return
    for month in calendar.months(calendar.month_of(grant.effective_at), last_month):
        if grant.expires_at is not None and grant.expires_at <= month.start:
            return
        start = max(month.start, grant.effective_at)
        yield start, month.end if grant.expires_at is None else min(month.end, grant.expires_at)
