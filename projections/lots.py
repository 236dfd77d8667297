"""The lots that a grant issues (docs/ledger.md 4.2 and 4.4)."""

from collections.abc import Iterator

import msgspec

from projections.calendar import Calendar, Month
from schemas.events import ONCE, CreditGranted

EXPIRED = "EXPIRED"
UNUSED = "UNUSED"
VOIDED = "VOIDED"
NEVER = "NEVER"


LotKey = tuple[str, int]
"""(`grant_id`, start): what identifies a lot of an account."""


class Lot(msgspec.Struct, array_like=True):
    """A grant's credits for one validity interval [start, end), in UTC microseconds, and what was used of them in all.

    `natural_end` is the end that it would have without a void; `end` is the void's instant where that comes first; None is
    never. `amount_micro` None is unlimited; `month` is the label of the month in which it starts.
    """

    grant_id: str
    start: int
    end: int | None
    natural_end: int | None
    cadence: str
    amount_micro: int | None
    used_micro: int
    priority: int
    granted_at: int
    scope: tuple[tuple[str, str | None], ...]
    month: str
    unit_cost_micro: int | None
    currency: str | None

    @property
    def key(self) -> LotKey:
        """What identifies the lot within its account."""
        return self.grant_id, self.start

    @property
    def rest_micro(self) -> int:
        """What a limited lot has left when all consumption is counted; 0 for an unlimited one."""
        return 0 if self.amount_micro is None else self.amount_micro - self.used_micro

    @property
    def end_kind(self) -> str:
        """What becomes of the rest when the end has passed (docs/ledger.md 4.11)."""
        if self.end is None:
            return NEVER
        if self.end != self.natural_end:
            return VOIDED
        return EXPIRED if self.cadence == ONCE else UNUSED

    def is_valid_at(self, instant: int) -> bool:
        """Tell whether the instant lies in [start, end)."""
        return self.start <= instant and (self.end is None or instant < self.end)


def issue(
    grant: CreditGranted,
    *,
    voided_at: int | None,
    calendar: Calendar,
    last_month: Month | None,
    first_month: Month | None = None,
) -> list[Lot]:
    """Issue the lots of a grant in the order of their starts; nothing is used of them yet.

    `voided_at` is the instant at which the earliest void takes effect. Monthly lots are issued from `first_month` (None: the
    first of the grant) up to and including `last_month` (none where it is None), cut to the grant's own interval; a lot that
    would start at or after the void is never issued, one whose natural end is the void or earlier is untouched
    (docs/ledger.md 4.4).
    """
    issued = []
    for start, natural_end in _intervals(grant, calendar, first_month, last_month):
        if voided_at is not None and start >= voided_at:
            break
        cut_by_void = voided_at is not None and (natural_end is None or voided_at < natural_end)
        issued.append(
            Lot(
                grant_id=grant.grant_id,
                start=start,
                end=voided_at if cut_by_void else natural_end,
                natural_end=natural_end,
                cadence=grant.cadence,
                amount_micro=grant.amount_micro,
                used_micro=0,
                priority=grant.priority,
                granted_at=grant.occurred_at,
                scope=tuple((kind, item) for kind, item in grant.scope),
                month=calendar.month_of(start).label,
                unit_cost_micro=grant.unit_cost_micro,
                currency=grant.currency,
            )
        )
    return issued


def _intervals(
    grant: CreditGranted, calendar: Calendar, first_month: Month | None, last_month: Month | None
) -> Iterator[tuple[int, int | None]]:
    if grant.cadence == ONCE:
        yield grant.effective_at, grant.expires_at
        return
    if last_month is None:
        return
    first = calendar.month_of(grant.effective_at)
    if first_month is not None and first_month.ordinal > first.ordinal:
        first = first_month
    for month in calendar.months(first, last_month):
        if grant.expires_at is not None and grant.expires_at <= month.start:
            return
        start = max(month.start, grant.effective_at)
        yield start, month.end if grant.expires_at is None else min(month.end, grant.expires_at)
