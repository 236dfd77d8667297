"""What the state of a partition number answers at once: a customer's balances, and how a consumption was paid.

The state holds no allocation older than the boundary, and needs none: what a lot paid in all, less what it pays for later
consumption, is what it had paid by an instant. So the answers are those that the rows give (`projections.balances`).
"""

from collections.abc import Iterator
from typing import NamedTuple

from projections import keys
from projections.account import Header, decode_lot, lot_row, promises, read_header, read_month
from projections.balances import Balance, sum_up
from projections.calendar import Calendar, calendar_of
from projections.event_rows import allocation_row, ledger_row
from projections.explanation import Explanation, explain
from projections.keys import AccountKey, Customer
from projections.lots import Lot, LotKey, issue
from projections.progress import read_progress
from projections.rows import LotRow
from projections.state import ReadableState
from projections.stored import find_identity, read_grant, read_kept_uses, read_use_at, voids_of_grant
from projections.tables import Accounts
from projections.times import times_of
from projections.usage import LAST
from schemas.errors import DerivingError, SettledError
from schemas.instants import format_instant

LATER_USES_MAX = 4_000
"""So much consumption after an instant is looked at, and no more, since an answer is given at once."""


class AccountBalance(NamedTuple):
    """What an account has at an instant; `balance` is None where it is `deriving` and what is published does not say."""

    account: AccountKey
    balance: Balance | None
    deriving: bool


class _Later(NamedTuple):
    """Consumption after an instant: how much was derived, what lots pay for it, and its overage in the instant's month."""

    use_count: int
    paid_micro: dict[LotKey, int]
    overage_micro: int


def balances_of(
    state: ReadableState, customer: Customer, *, as_of: int, zone_name: str, credit_type: str | None = None
) -> list[AccountBalance]:
    """Give the balances of a customer's accounts at `as_of` (UTC microseconds), by credit type (docs/ledger.md 6.1).

    `zone_name` is the organization's time zone; `credit_type` chooses one account (None: all). An account of which nothing is
    open any more is not among them: all of it is settled and it has nothing. Raises SettledError where `as_of` lies before
    the boundary, or where more than LATER_USES_MAX uses of an account came after it.
    """
    boundary = times_of(state).boundary
    if boundary is not None and as_of < boundary:
        raise SettledError(
            f"{format_instant(as_of)} lies before {format_instant(boundary)}, and what was before that is settled"
        )
    calendar = calendar_of(zone_name)
    return [
        _balance_of(state, account, as_of=as_of, calendar=calendar)
        for account in _accounts_of(state, customer)
        if credit_type in (None, account.credit_type)
    ]


def explanation_of(
    state: ReadableState, customer: Customer, event_id: str, *, occurred_at: int | None, zone_name: str
) -> Explanation | None:
    """Explain how a consumption was paid (docs/ledger.md 4.6 to 4.10); `zone_name` is the organization's time zone.

    None where the state knows no consumption by that id, or by that id and instant; what is settled may be forgotten. Raises
    SettledError where its month is settled, and DerivingError where its account is being derived.
    """
    key = _find_consumption(state, customer, event_id, occurred_at=occurred_at)
    if key is None:
        return None
    account, _ = keys.split(key)
    if key.startswith(keys.SETTLED_USAGE):
        raise SettledError(f"the month of {event_id} is settled")
    if read_progress(state, account) is not None:
        raise DerivingError(f"the {account.credit_type} of {account.customer_id} are being derived after a late event")
    use = read_use_at(state, key)
    if use.allocation is None:
        return None  # it has no effect: the catalog does not know its credit type
    calendar = calendar_of(zone_name)
    lots = {lot.key: lot for lot in _lots_of(state, account)}
    allocation = allocation_row(use, use.allocation, lots=lots, calendar=calendar)
    return explain(ledger_row(use.event, calendar), allocation, [lot_row(account, lot) for lot in lots.values()])


def _find_consumption(state: ReadableState, customer: Customer, event_id: str, *, occurred_at: int | None) -> bytes | None:
    """Find a consumption by its id; at an instant also one whose id was used anew after its time."""
    key = find_identity(state, customer, event_id)
    is_consumption = key is not None and key.startswith((keys.USAGE, keys.SETTLED_USAGE))
    if key is not None and is_consumption and occurred_at in (None, keys.identity_at(keys.split(key)[1])[0]):
        return key
    if occurred_at is None:
        return None
    possible = (keys.at(keys.USAGE, account.key, occurred_at, event_id) for account in _accounts_of(state, customer))
    return next((key for key in possible if state.get(key) is not None), None)


def _accounts_of(state: ReadableState, customer: Customer) -> list[AccountKey]:
    """Give the accounts of a customer of which anything is open."""
    letters = (keys.ACCOUNT, keys.PROGRESS)
    found = {
        AccountKey(*customer, key[len(prefix) :].decode())
        for prefix in (keys.all_of(letter, customer.key) for letter in letters)
        for key, _ in state.scan(prefix)
    }
    prefix = keys.all_of(keys.SPENT_LOT, customer.key)
    # A lot that is spent and never ends is all that is left of some accounts.
    found |= {keys.split(key)[0] for key, _ in state.scan(prefix)}
    return sorted(found)


def _balance_of(state: ReadableState, account: AccountKey, *, as_of: int, calendar: Calendar) -> AccountBalance:
    deriving = read_progress(state, account) is not None
    header = read_header(state, account)
    later = _later(state, account, as_of=as_of, calendar=calendar)
    if deriving and (later.use_count or header is None or _is_ahead(header, as_of)):
        # What is published of later payments, or of months to come, is not in the state any more, or not yet.
        return AccountBalance(account, None, deriving)
    published = Accounts(state).get(account)
    valid = {(lot.grant_id, lot.start): lot for lot in (published.lots if published else ()) if lot.is_valid_at(as_of)}
    if header is not None and _is_ahead(header, as_of):
        for lot in _lots_ahead(state, account, as_of=as_of, calendar=calendar):
            valid.setdefault((lot.grant_id, lot.start), lot)
    month = read_month(state, account, calendar.month_of(as_of).label)
    overage_micro = 0 if month is None else month.overage_micro - later.overage_micro
    balance = sum_up(list(valid.values()), committed_micro=later.paid_micro, overage_micro=overage_micro)
    return AccountBalance(account, balance, deriving)


def _is_ahead(header: Header, as_of: int) -> bool:
    """Tell whether monthly grants may have lots at an instant that are not issued yet: the clock has not got there."""
    return header.clock_due is not None and as_of >= header.clock_due


def _lots_ahead(state: ReadableState, account: AccountKey, *, as_of: int, calendar: Calendar) -> Iterator[LotRow]:
    month = calendar.month_of(as_of)
    for grant_id, _ in promises(state, account):
        stored = read_grant(state, account.customer, grant_id)
        if stored is not None:
            voids = voids_of_grant(state, account.customer, grant_id)
            voided_at = voids[0].acts_at if voids else None
            for lot in issue(stored.event, voided_at=voided_at, calendar=calendar, first_month=month, last_month=month):
                if lot.is_valid_at(as_of):
                    yield lot_row(account, lot)


def _later(state: ReadableState, account: AccountKey, *, as_of: int, calendar: Calendar) -> _Later:
    month_end = calendar.month_of(as_of).end
    paid_micro: dict[LotKey, int] = {}
    use_count = overage_micro = 0
    for use in read_kept_uses(state, account, (as_of + 1, ""), until=LAST):
        if use.allocation is None:
            continue
        use_count += 1
        if use_count > LATER_USES_MAX:
            raise SettledError(f"more than {LATER_USES_MAX} uses of {'|'.join(account)} came after {format_instant(as_of)}")
        for part in use.paid:
            paid_micro[part.lot_key] = paid_micro.get(part.lot_key, 0) + part.amount_micro
        if use.identity[0] < month_end:
            overage_micro += use.allocation.overage_micro
    return _Later(use_count, paid_micro, overage_micro)


def _lots_of(state: ReadableState, account: AccountKey) -> Iterator[Lot]:
    for letter in (keys.LOT, keys.SPENT_LOT):
        yield from (decode_lot(value) for _, value in state.scan(keys.all_of(letter, account.key)))
