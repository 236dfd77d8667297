"""The laws of the books (docs/ledger.md 4 to 7), each checked on rows alone by arithmetic of its own.

What is broken comes back as sentences, so that one look at a failure tells which law and by how much.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projections.lots import EXPIRED, UNUSED, VOIDED
from projections.results import Rows
from projections.rows import AllocationRow, CampaignUsageRow, LedgerRow, LotRow, SnapshotRow
from schemas.amounts import parse_amount
from schemas.events import ONCE
from schemas.instants import parse_instant

Account = tuple[str, str, str]


def broken_laws(rows: Rows, results: dict[str, list[dict[str, str]]]) -> list[str]:
    """Give a sentence for each law of the books that the rows, or the results made of them, break."""
    lots, allocations = rows.of(LotRow), rows.of(AllocationRow)
    snapshots, ledger = rows.of(SnapshotRow), rows.of(LedgerRow)
    return [
        *_broken_months(snapshots),
        *_broken_sums_of_months(snapshots, lots, allocations),
        *_broken_payments(lots, allocations, {row[:4]: row for row in ledger}),
        *_broken_uses(lots, allocations),
        *_broken_campaigns(rows.of(CampaignUsageRow), ledger, allocations),
        *_broken_lots_as_told(results["lots"]),
        *_broken_balances(results["balances"], results["lots"]),
    ]


def _broken_months(snapshots: Sequence[SnapshotRow]) -> Iterator[str]:
    """Look at each month by itself, and at each with the account's row before it."""
    closing: dict[Account, int] = {}
    for row in snapshots:
        account, where = row[:3], f"{row[:4]}"
        flow = row.once_granted_micro - row.once_used_micro - row.once_expired_micro - row.once_voided_micro
        if row.once_opening_micro + flow != row.once_closing_micro:
            yield f"{where}: ONCE opening and flows do not make the closing"
        if row.monthly_granted_micro != row.monthly_used_micro + row.monthly_unused_micro + row.monthly_voided_micro:
            yield f"{where}: MONTHLY granted is not used, unused and voided"
        paid_micro = row.once_used_micro + row.monthly_used_micro + row.unlimited_used_micro
        if row.consumed_micro != paid_micro + row.overage_micro:
            yield f"{where}: consumed is not what lots paid and overage"
        if row.once_opening_micro != closing.get(account, 0):
            yield f"{where}: opening is not the closing of the row before"
        if min(value for name, value in row._asdict().items() if name.endswith("_micro")) < 0:
            yield f"{where}: a figure is below 0"
        closing[account] = row.once_closing_micro


def _broken_sums_of_months(
    snapshots: Sequence[SnapshotRow], lots: Sequence[LotRow], allocations: Sequence[AllocationRow]
) -> Iterator[str]:
    """Hold the sums over all months against lots and allocations."""
    told: Counter[tuple[str, ...]] = Counter()
    for row in snapshots:
        account = row[:3]
        told[*account, row.month, "consumed"] += row.consumed_micro
        told[*account, row.month, "overage"] += row.overage_micro
        told[*account, row.month, "count"] += row.consumption_count
        told[*account, "granted"] += row.once_granted_micro + row.monthly_granted_micro
        told[*account, "closing"] = row.once_closing_micro
        told[*account, EXPIRED] += row.once_expired_micro
        told[*account, VOIDED] += row.once_voided_micro + row.monthly_voided_micro
        told[*account, UNUSED] += row.monthly_unused_micro
    found: Counter[tuple[str, ...]] = Counter()
    last_end = {row[:3]: row.month_end for row in snapshots}
    for paid in allocations:
        account = (paid.organization_id, paid.customer_id, paid.credit_type)
        found[*account, paid.month, "consumed"] += paid.amount_micro - paid.reversed_micro
        found[*account, paid.month, "overage"] += paid.overage_micro
        found[*account, paid.month, "count"] += paid.amount_micro > paid.reversed_micro
    for lot in lots:
        if lot.amount_micro is None or lot.start >= last_end.get(lot[:3], 0):
            continue
        found[*lot[:3], "granted"] += lot.amount_micro
        month_end = last_end[lot[:3]]
        is_over = lot.end is not None and (lot.end < month_end or (lot.end == month_end and lot.end_kind != VOIDED))
        if is_over:
            found[*lot[:3], lot.end_kind] += lot.amount_micro - lot.used_micro
        elif lot.cadence == ONCE:
            found[*lot[:3], "closing"] += lot.amount_micro - lot.used_micro
    for key in told.keys() | found.keys():
        if told[key] != found[key]:
            yield f"{key}: the months say {told[key]}, lots and allocations {found[key]}"


def _broken_payments(
    lots: Sequence[LotRow], allocations: Sequence[AllocationRow], ledger: Mapping[tuple[Any, ...], LedgerRow]
) -> Iterator[str]:
    """Look at each allocation: what it adds up to, and whether its lots were valid and in scope."""
    lot_of = {_key_of(lot): lot for lot in lots}
    for row in allocations:
        where, line = f"{row[:4]}", ledger[row[:4]]
        paid_micro = sum(part.amount_micro for part in row.paid_by)
        if paid_micro + row.overage_micro != row.amount_micro - row.reversed_micro:
            yield f"{where}: payments and overage are not the net amount"
        if not 0 <= row.reversed_micro <= row.amount_micro:
            yield f"{where}: more was taken back than there was"
        for part in row.paid_by:
            lot = lot_of[row.organization_id, row.customer_id, row.credit_type, part.grant_id, part.lot_start]
            if part.amount_micro <= 0:
                yield f"{where}: {part} pays nothing"
            if not (lot.start <= row.occurred_at and (lot.end is None or row.occurred_at < lot.end)):
                yield f"{where}: {part} pays outside [start, end) of {lot}"
            if lot.scope and not {(line.line_kind, None), (line.line_kind, line.item)} & set(lot.scope):
                yield f"{where}: {part} pays out of scope of {lot}"


def _broken_uses(lots: Sequence[LotRow], allocations: Sequence[AllocationRow]) -> Iterator[str]:
    """Look at each lot: what was used of it is what it paid, and never more than it has."""
    paid_micro: Counter[tuple[Any, ...]] = Counter()
    for row in allocations:
        for part in row.paid_by:
            lot_key = (row.organization_id, row.customer_id, row.credit_type, part.grant_id, part.lot_start)
            paid_micro[lot_key] += part.amount_micro
    for lot in lots:
        if lot.used_micro != paid_micro[_key_of(lot)]:
            yield f"{lot}: {lot.used_micro} was used, {paid_micro[_key_of(lot)]} was paid"
        if lot.amount_micro is not None and lot.used_micro > lot.amount_micro:
            yield f"{lot}: pays more than it has"


def _key_of(lot: LotRow) -> tuple[Any, ...]:
    return lot.organization_id, lot.customer_id, lot.credit_type, lot.grant_id, lot.start


def _broken_campaigns(
    usage: Sequence[CampaignUsageRow], ledger: Sequence[LedgerRow], allocations: Sequence[AllocationRow]
) -> Iterator[str]:
    net_micro = {row[:4]: row.amount_micro - row.reversed_micro for row in allocations}
    processed: Counter[tuple[str, ...]] = Counter()
    credits_micro: Counter[tuple[str, ...]] = Counter()
    for row in ledger:
        net = net_micro[row[:4]]
        if row.activity_type == "CampaignSend" and net > 0:
            key = (row.organization_id, row.credit_type, row.campaign_id or "", row.channel or "", row.day)
            processed[key] += row.processed or 0
            credits_micro[key] += net
    for counted in usage:
        key = (counted.organization_id, counted.credit_type, counted.campaign_id, counted.channel, counted.day)
        processed[key] -= counted.processed
        credits_micro[key] -= counted.credits_micro
    for name, counter in (("processed", processed), ("credits", credits_micro)):
        for key, rest in counter.items():
            if rest:
                yield f"campaign {key}: {name} differ from the ledger by {rest}"


def _broken_lots_as_told(lots: list[dict[str, str]]) -> Iterator[str]:
    for lot in lots:
        shares = [_micro(lot[name]) for name in ("used", "expired", "unused", "voided", "rest")]
        if lot["amount"] != "unlimited" and sum(shares) != _micro(lot["amount"]):
            yield f"{lot}: used, expired, unused, voided and rest do not make the amount"
        if lot["amount"] == "unlimited" and any(shares[1:]):
            yield f"{lot}: an unlimited lot has a rest"


def _broken_balances(balances: list[dict[str, str]], lots: list[dict[str, str]]) -> Iterator[str]:
    for balance in balances:
        as_of = parse_instant(balance["as_of"]) or 0
        valid = [
            lot
            for lot in lots
            if all(lot[name] == balance[name] for name in ("organization_id", "customer_id", "credit_type"))
            and (parse_instant(lot["start"]) or 0) <= as_of
            and (lot["end"] is None or as_of < (parse_instant(lot["end"]) or 0))
        ]
        limited = [lot for lot in valid if lot["amount"] != "unlimited"]
        laws = {
            "granted is the lots' amounts": _micro(balance["granted"]) == sum(_micro(lot["amount"]) for lot in limited),
            "used and committed are the lots' used": _micro(balance["used"]) + _micro(balance["committed"])
            == sum(_micro(lot["used"]) for lot in limited),
            "balance is granted less used": _micro(balance["balance"]) == _micro(balance["granted"]) - _micro(balance["used"]),
            "available is the lots' rests": _micro(balance["available"]) == sum(_micro(lot["rest"]) for lot in limited),
            "available is balance less committed": _micro(balance["available"])
            == _micro(balance["balance"]) - _micro(balance["committed"]),
            "restricted is part of available": 0 <= _micro(balance["restricted"]) <= _micro(balance["available"]),
            "unlimited is told": balance["unlimited"] == (len(limited) < len(valid)),
        }
        yield from (f"{balance}: it does not hold that {law}" for law, holds in laws.items() if not holds)


def _micro(text: str) -> int:
    amount_micro = parse_amount(text)
    if amount_micro is None:
        raise ValueError(text)
    return amount_micro
