"""The tables of one partition number, to be read like mappings: accounts, usage, campaign counters (docs/architecture.md).

They read a state and change nothing; what a table gives is what stands in the state at that moment.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from projections.kept_rows import CAMPAIGN_COUNTERS, LOTS, MONTHS, KeptRows
from projections.rows import CampaignUsageRow, LotRow, Row, SnapshotRow
from projections.state import ReadableState
from projections.stored import Stored, UsageKey, all_usage, read_consumption
from schemas.events import CreditConsumed

_SomeRow = TypeVar("_SomeRow", bound=Row)


class AccountKey(NamedTuple):
    """What names an account."""

    organization_id: str
    customer_id: str
    credit_type: str


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
        account = Account(_rows(self._state, LOTS, *key), _rows(self._state, MONTHS, *key))
        if account == Account((), ()):
            raise KeyError(key)
        return account

    def __iter__(self) -> Iterator[AccountKey]:
        """Give the accounts in the order of organization, customer and credit type."""
        with_lots = {AccountKey(*row[:3]) for row in read_lots(self._state)}
        return iter(sorted(with_lots | {AccountKey(*row[:3]) for row in read_months(self._state)}))

    def __len__(self) -> int:
        """Count the accounts, by reading all of their lots and months."""
        return sum(1 for _ in self)


class CampaignCounters(Mapping[CampaignCounterKey, CampaignUsageRow]):
    """What each customer's sends came to, by campaign, center, local day, channel and credit source."""

    def __init__(self, state: ReadableState) -> None:
        self._state = state

    def __getitem__(self, key: CampaignCounterKey) -> CampaignUsageRow:
        """Give a counter; raises KeyError where nothing was counted."""
        rows = _rows(self._state, CAMPAIGN_COUNTERS, *key)
        if not rows:
            raise KeyError(key)
        return rows[0]

    def __iter__(self) -> Iterator[CampaignCounterKey]:
        """Give the keys of all counters, customer by customer."""
        return (CampaignCounterKey(*row[:-2]) for row in _all(self._state, CAMPAIGN_COUNTERS))

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
    """Give every lot of a partition number, account by account."""
    return _all(state, LOTS)


def read_months(state: ReadableState) -> Iterator[SnapshotRow]:
    """Give every month of every account of a partition number, account by account."""
    return _all(state, MONTHS)


def _rows(state: ReadableState, kept: KeptRows[_SomeRow], *parts: str | int) -> tuple[_SomeRow, ...]:
    return tuple(kept.read(value) for _, value in state.scan(kept.prefix_of(*parts)))


def _all(state: ReadableState, kept: KeptRows[_SomeRow]) -> Iterator[_SomeRow]:
    return (kept.read(value) for _, value in state.scan(kept.letter))
