"""The tables of one partition number, to be read like mappings: accounts, usage, campaign counters (docs/architecture.md).

They read a state and change nothing; what a table gives is what stands in the state at that moment, of an account that is
being derived step by step what was published of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from projections import keys
from projections.account import decode_lot, decode_month, lot_row
from projections.campaign_usage import counter_key, read_counters
from projections.keys import AccountKey, UsageKey
from projections.progress import read_progress
from projections.rows import CampaignUsageRow, LotRow, SnapshotRow
from projections.state import ReadableState
from projections.stored import Stored, all_usage, read_consumption
from schemas.events import CreditConsumed


class Account(NamedTuple):
    """An account as it stands: the facts of its lots by grant and start, and its months in order."""

    lots: tuple[LotRow, ...]
    months: tuple[SnapshotRow, ...]


class CampaignCounterKey(NamedTuple):
    """What names a campaign counter of a customer (docs/ledger.md 7.1)."""

    organization_id: str
    customer_id: str
    credit_type: str
    campaign_id: str
    center_id: str
    day: str
    channel: str
    credit_source: str


class Accounts(Mapping[AccountKey, Account]):
    """Every account of a partition number that has a lot or a month."""

    def __init__(self, state: ReadableState) -> None:
        self._state = state

    def __getitem__(self, key: AccountKey) -> Account:
        """Give an account; raises KeyError for one without lots and months."""
        lots = self._published(
            key, (lot for letter in _LOT_LETTERS for lot in _lots(self._state, keys.all_of(letter, key.key)))
        )
        months = _months(self._state, keys.all_of(keys.MONTH, key.key))
        account = Account(tuple(sorted(lots, key=lambda lot: (lot.grant_id, lot.start))), tuple(months))
        if account == Account((), ()):
            raise KeyError(key)
        return account

    def _published(self, account: AccountKey, lots: Iterable[LotRow]) -> list[LotRow]:
        """Give lots as they are published, also while the account is derived step by step."""
        found = {(lot.grant_id, lot.start): lot for lot in lots}
        progress = read_progress(self._state, account)
        if progress is not None and progress.under_way is not None:
            before = [((grant_id, start), lot) for grant_id, start, lot in progress.under_way.lots_before]
            for lot_key, lot in [*before, *((lot.key, lot) for lot, _ in progress.under_way.spent)]:
                if lot is None:
                    found.pop(lot_key, None)
                else:
                    found[lot_key] = lot_row(account, lot)
        return list(found.values())

    def __iter__(self) -> Iterator[AccountKey]:
        """Give the accounts in the order of organization, customer and credit type."""
        with_lots = {AccountKey(*row[:3]) for row in read_lots(self._state)}
        for account in sorted(with_lots | {AccountKey(*row[:3]) for row in read_months(self._state)}):
            # One that is being derived may have nothing that is published.
            if read_progress(self._state, account) is None or account in self:
                yield account

    def __len__(self) -> int:
        """Count the accounts, by reading all of their lots and months."""
        return sum(1 for _ in self)


class CampaignCounters(Mapping[CampaignCounterKey, CampaignUsageRow]):
    """What each customer's sends came to, by campaign, center, local day, channel and credit source."""

    def __init__(self, state: ReadableState) -> None:
        self._state = state

    def __getitem__(self, key: CampaignCounterKey) -> CampaignUsageRow:
        """Give a counter; raises KeyError where nothing was counted."""
        account = AccountKey(key.organization_id, key.customer_id, key.credit_type)
        found = read_counters(self._state, counter_key(account, key[3:]))
        row = next((row for row in found if row[: len(key)] == key), None)
        if row is None:
            raise KeyError(key)
        return row

    def __iter__(self) -> Iterator[CampaignCounterKey]:
        """Give the keys of all counters, customer by customer."""
        return (CampaignCounterKey(*row[:-2]) for row in read_counters(self._state, keys.COUNTER))

    def __len__(self) -> int:
        """Count the counters, by reading all of them."""
        return sum(1 for _ in self)


class Usage(Mapping[UsageKey, Stored[CreditConsumed]]):
    """Every accepted consumption that the state holds, with the place where it lay first."""

    def __init__(self, state: ReadableState) -> None:
        self._state = state

    def __getitem__(self, key: UsageKey) -> Stored[CreditConsumed]:
        """Give a consumption; raises KeyError for one that was not accepted."""
        stored = read_consumption(self._state, key)
        if stored is None:
            raise KeyError(key)
        return stored

    def __iter__(self) -> Iterator[UsageKey]:
        """Give the keys of all consumption, customer by customer, in the order of occurrence."""
        return all_usage(self._state)

    def __len__(self) -> int:
        """Count the consumption, by reading all of it."""
        return sum(1 for _ in self)


def read_lots(state: ReadableState) -> Iterator[LotRow]:
    """Give every lot that a partition number keeps, account by account."""
    return (lot for letter in _LOT_LETTERS for lot in _lots(state, letter))


def read_months(state: ReadableState) -> Iterator[SnapshotRow]:
    """Give every month that is not final of every account of a partition number, account by account."""
    return _months(state, keys.MONTH)


def _lots(state: ReadableState, prefix: bytes) -> Iterator[LotRow]:
    return (lot_row(keys.split(key)[0], decode_lot(value)) for key, value in state.scan(prefix))


def _months(state: ReadableState, prefix: bytes) -> Iterator[SnapshotRow]:
    return (decode_month(value) for _, value in state.scan(prefix))


_LOT_LETTERS = (keys.LOT, keys.SPENT_LOT)
