"""One account's part of the books, written as results tell it (docs/ledger.md 4.12, 5 to 8).

Amounts are written as shortest decimal strings, instants in UTC. Each row comes with the values that it is sorted by.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from plain_model.accounts import BURN_CRITERIA, Criterion, NetConsumption, PaidConsumption, UsedLot, burn_down, lots_of
from plain_model.balances import balance_of, figures_of
from plain_model.customers import Account
from plain_model.months import Calendar, Interval, Month
from plain_model.snapshots import Snapshot, snapshots_of
from schemas.amounts import UNLIMITED, divide_half_even, format_micro, format_pico
from schemas.events import CampaignSend
from schemas.instants import format_instant


class Row(NamedTuple):
    """One row of a list of results: what it is sorted by, and what it says."""

    sorted_by: tuple[str | int, ...]
    content: dict[str, object]


@dataclass(slots=True)
class AccountBooks:
    """The rows of one account, by the list that they belong to."""

    snapshots: list[Row] = field(default_factory=list)
    lots: list[Row] = field(default_factory=list)
    allocations: list[Row] = field(default_factory=list)
    balances: list[Row] = field(default_factory=list)
    campaign_usage: list[Row] = field(default_factory=list)


class AccountKey(NamedTuple):
    """Whose account it is, and of what."""

    organization_id: str
    customer_id: str
    credit_type: str


class Moment(NamedTuple):
    """When the books are read, in UTC microseconds: `clock` and `boundary` of the partition number (None: none yet).

    `as_of` is the instant that balances and lots are asked about.
    """

    as_of: int
    clock: int | None
    boundary: int | None


def books_of(
    key: AccountKey,
    account: Account,
    *,
    calendar: Calendar,
    moment: Moment,
    burn_criteria: Sequence[Criterion] = BURN_CRITERIA,
) -> AccountBooks:
    """Derive all rows of one account."""
    last_month = _last_month(account, calendar, clock=moment.clock)
    # The clock may stand before the instant asked about; the lots that are valid then are issued all the same.
    month_asked = calendar.month_of(moment.as_of)
    lots = [
        lot
        for grant, voided_at in account.grants
        for lot in lots_of(
            grant, voided_at=voided_at, calendar=calendar, last_month=max(month_asked, last_month or month_asked)
        )
    ]
    used_lots, paid = burn_down(lots, account.consumption, burn_criteria=burn_criteria)
    listed = [used_lot for used_lot in used_lots if used_lot.lot.is_once or _starts_by(used_lot, last_month, calendar)]
    snapshots = snapshots_of(listed, paid, calendar=calendar, last_month=last_month)
    return AccountBooks(
        snapshots=_snapshot_rows(key, snapshots, boundary=moment.boundary),
        lots=[_lot_row(key, used_lot, as_of=moment.as_of) for used_lot in listed],
        allocations=[_allocation_row(key, use) for use in paid],
        balances=[_balance_row(key, used_lots, paid, calendar=calendar, as_of=moment.as_of)],
        campaign_usage=_campaign_rows(key, account.consumption, calendar),
    )


def _last_month(account: Account, calendar: Calendar, *, clock: int | None) -> Month | None:
    """Give the later of the clock's month and the last month with consumption (docs/ledger.md 5.5); None without both."""
    instants = [use.event.occurred_at for use in account.consumption if use.net_micro > 0]
    if clock is not None:
        instants.append(clock)
    return calendar.month_of(max(instants)) if instants else None


def _starts_by(used_lot: UsedLot, last_month: Month | None, calendar: Calendar) -> bool:
    return last_month is not None and calendar.month_of(used_lot.lot.start) <= last_month


def _snapshot_rows(
    key: AccountKey, snapshots: Sequence[tuple[Month, Interval, Snapshot]], *, boundary: int | None
) -> list[Row]:
    rows: list[Row] = []
    for month, interval, snapshot in snapshots:
        figures: dict[str, object] = {
            name: value if isinstance(value, bool) or name == "consumption_count" else format_micro(value)
            for name, value in snapshot._asdict().items()
        }
        is_final = boundary is not None and interval.end <= boundary
        content = {**key._asdict(), "month": month.text(), **figures, "final": is_final}
        rows.append(Row((*key, month.text()), content))
    return rows


def _lot_row(key: AccountKey, used_lot: UsedLot, *, as_of: int) -> Row:
    lot = used_lot.lot
    amount_micro = lot.grant.amount_micro
    content: dict[str, object] = {
        **key._asdict(),
        "grant_id": lot.grant.grant_id,
        "start": format_instant(lot.start),
        "cadence": lot.grant.cadence,
        "end": None if lot.end is None else format_instant(lot.end),
        "amount": UNLIMITED if amount_micro is None else format_micro(amount_micro),
        **{name: format_micro(value) for name, value in figures_of(used_lot, as_of=as_of)._asdict().items()},
    }
    return Row((*key, lot.grant.grant_id, lot.start), content)


def _allocation_row(key: AccountKey, paid: PaidConsumption) -> Row:
    event = paid.consumption.event
    content: dict[str, object] = {
        **key._asdict(),
        "occurred_at": format_instant(event.occurred_at),
        "event_id": event.event_id,
        "amount": format_micro(event.amount_micro),
        "reversed": format_micro(paid.consumption.reversed_micro),
        "overage": format_micro(paid.overage_micro),
        "cost": _cost_of(paid),
        "paid_by": [
            {
                "grant_id": payment.lot.grant.grant_id,
                "lot_start": format_instant(payment.lot.start),
                "amount": format_micro(payment.amount_micro),
            }
            for payment in paid.payments
        ],
    }
    return Row((*key, event.occurred_at, event.event_id), content)


def _cost_of(paid: PaidConsumption) -> dict[str, str]:
    """Give the cost by currency: the stated one, shrunk with the net amount, else what the lots cost (docs/ledger.md 4.12)."""
    event = paid.consumption.event
    if event.cost_micro is not None and event.currency is not None:
        return {
            event.currency: format_micro(divide_half_even(event.cost_micro * paid.consumption.net_micro, event.amount_micro))
        }
    cost_pico: dict[str, int] = {}
    for payment in paid.payments:
        grant = payment.lot.grant
        if grant.unit_cost_micro is not None and grant.currency is not None:
            # A millionth of a credit times a millionth of its currency: 10^-12.
            part_pico = payment.amount_micro * grant.unit_cost_micro
            cost_pico[grant.currency] = cost_pico.get(grant.currency, 0) + part_pico
    return {currency: format_pico(cost_pico[currency]) for currency in sorted(cost_pico)}


def _balance_row(
    key: AccountKey, lots: Sequence[UsedLot], paid: Sequence[PaidConsumption], *, calendar: Calendar, as_of: int
) -> Row:
    balance = balance_of(lots, paid, as_of=as_of, calendar=calendar)
    content: dict[str, object] = {
        **key._asdict(),
        "as_of": format_instant(as_of),
        "granted": format_micro(balance.granted),
        "used": format_micro(balance.used),
        "balance": format_micro(balance.balance),
        "committed": format_micro(balance.committed),
        "available": format_micro(balance.available),
        "restricted": format_micro(balance.restricted),
        "unlimited": balance.unlimited,
        "next_expiry": None if balance.next_expiry is None else format_instant(balance.next_expiry),
        "next_expiry_amount": format_micro(balance.next_expiry_amount),
        "overage": format_micro(balance.overage),
    }
    return Row((*key,), content)


def _campaign_rows(key: AccountKey, consumption: Sequence[NetConsumption], calendar: Calendar) -> list[Row]:
    """Count the sends of campaigns; one that was reversed in full counts for nothing (docs/ledger.md 7.1)."""
    processed: dict[tuple[str, ...], int] = {}
    credits_micro: dict[tuple[str, ...], int] = {}
    for use in consumption:
        send = use.event.activity
        if isinstance(send, CampaignSend) and use.net_micro > 0:
            day = calendar.day_of(use.event.occurred_at).isoformat()
            names = (send.campaign_id, send.center_id, day, send.channel, send.credit_source)
            processed[names] = processed.get(names, 0) + send.processed
            credits_micro[names] = credits_micro.get(names, 0) + use.net_micro
    return [
        Row(
            (*key, *names),
            {
                **key._asdict(),
                **dict(zip(("campaign_id", "center_id", "day", "channel", "credit_source"), names, strict=True)),
                "processed": processed[names],
                "credits": format_micro(credits_micro[names]),
            },
        )
        for names in processed
    ]
