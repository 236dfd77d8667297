"""The tables that the agents keep, read across all partition numbers that this worker holds (docs/architecture.md, tables).

`tables.accounts[AccountKey(...)]` and iteration, as of a Faust table; what is read is committed. A key that lies in a partition
number that another worker holds, or that is not open yet, is not found here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from projections.keys import AccountKey, Customer, UsageKey
from projections.rows import CampaignUsageRow
from projections.state import ReadableState
from projections.stored import Stored
from projections.tables import Account, Accounts, CampaignCounterKey, CampaignCounters, Usage
from schemas.events import CreditConsumed
from schemas.topics import INPUT_TOPICS, partition_of
from streams.worker.partitions import Partitions


class _CustomerKey(Protocol):
    """A key that begins with organization and customer, which decide the partition number."""

    @property
    def organization_id(self) -> str: ...

    @property
    def customer_id(self) -> str: ...


_Key = TypeVar("_Key", bound=_CustomerKey)
_Value = TypeVar("_Value")


class PositionKey(NamedTuple):
    """What names a position: an input topic and a partition number."""

    topic: str
    number: int


class HeldTable(Mapping[_Key, _Value]):
    """One table over all partition numbers that are held and open."""

    def __init__(
        self, table_of: Callable[[ReadableState], Mapping[_Key, _Value]], *, partitions: Partitions, partition_count: int
    ) -> None:
        self._table_of = table_of
        self._partitions = partitions
        self._partition_count = partition_count

    def __getitem__(self, key: _Key) -> _Value:
        """Give a value; raises KeyError where there is none, or not on this worker."""
        number = partition_of(Customer(key.organization_id, key.customer_id).key, partition_count=self._partition_count)
        for partition in self._partitions.opened():
            if partition.number == number and partition.committed is not None:
                return self._table_of(partition.committed)[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[_Key]:
        """Give all keys, one partition number after another."""
        for partition in self._partitions.opened():
            if partition.committed is not None:
                yield from self._table_of(partition.committed)

    def __len__(self) -> int:
        """Count the keys, by reading all of them."""
        return sum(1 for _ in self)


class Positions(Mapping[PositionKey, int]):
    """The committed position of each input topic partition: how far its log has been applied."""

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions

    def __getitem__(self, key: PositionKey) -> int:
        """Give a position; raises KeyError for a topic partition that is not open here."""
        for partition in self._partitions.opened():
            if partition.number == key.number:
                return partition.committed_positions()[key.topic]
        raise KeyError(key)

    def __iter__(self) -> Iterator[PositionKey]:
        """Give every input topic partition that is open here."""
        return (PositionKey(topic, partition.number) for partition in self._partitions.opened() for topic in INPUT_TOPICS)

    def __len__(self) -> int:
        """Count the input topic partitions that are open here."""
        return len(self._partitions.opened()) * len(INPUT_TOPICS)


class Tables:
    """All tables of a worker, by name."""

    def __init__(self, partitions: Partitions, *, partition_count: int) -> None:
        self.accounts: Mapping[AccountKey, Account] = HeldTable(
            Accounts, partitions=partitions, partition_count=partition_count
        )
        self.usage: Mapping[UsageKey, Stored[CreditConsumed]] = HeldTable(
            Usage, partitions=partitions, partition_count=partition_count
        )
        self.campaign_counters: Mapping[CampaignCounterKey, CampaignUsageRow] = HeldTable(
            CampaignCounters, partitions=partitions, partition_count=partition_count
        )
        self.positions: Mapping[PositionKey, int] = Positions(partitions)
