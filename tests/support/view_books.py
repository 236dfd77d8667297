"""Books for the tests of views: the examples, a feed of many customers, and dense worlds whose ids are awkward to quote.

All of them lie in one engine, so each organization has many others beside it, and in the worlds the same customers, grants and
events have the same ids in every organization.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from projections.fold import fold_rows
from projections.results import Results, Rows, results_of
from projections.row_codec import PublishedRow
from projections.rows import (
    TABLES,
    AllocationRow,
    Change,
    ConflictRow,
    DeadLetterRow,
    GrantRow,
    LedgerRow,
    LotRow,
    NameRow,
    Row,
    SnapshotRow,
)
from schemas.catalog import Catalog, Organization
from schemas.instants import INSTANT_LIMIT, MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND
from schemas.reading import read_record
from schemas.records import Place, ReadRecord
from streams.clickhouse import insert
from streams.files import read_catalog
from tests.support import feed
from tests.support.expected_figures import EXAMPLES, NAMES, read_example
from tests.support.worlds import world_of_seed

WORLD_SEEDS = range(14)
FEED = "feed"
_FEED_RECORDS = 4_000
_FEED_PARTITIONS = 3
_TWO_YEARS = 731 * MICROSECONDS_PER_DAY
_NOWHERE = Place("", 0, 0)
_AWKWARD = MappingProxyType({"c2": "c'2\\\"{organization:String}%"})

ALL_BOOKS = (*NAMES, FEED, *(f"world {seed}" for seed in WORLD_SEEDS))
"""The names of all books."""


class Books(NamedTuple):
    """The rows of a log, the catalog that they were made with, and the instant that its figures are asked about."""

    rows: Rows
    catalog: Catalog
    as_of: int

    @property
    def organizations(self) -> list[str]:
        """Every organization with a row of an account."""
        row_types = (GrantRow, LedgerRow, ConflictRow)
        return sorted({row.organization_id for row_type in row_types for row in self.rows.of(row_type)})

    def instants(self) -> list[int]:
        """Give instants to ask about: before all, far ahead, the books' own, and around starts, ends and consumption."""
        lots = self.rows.of(LotRow)
        turns = sorted({lot.start for lot in lots} | {lot.end for lot in lots if lot.end is not None})
        used = sorted(row.occurred_at for row in self.rows.of(LedgerRow))
        some = [*turns[:: max(1, len(turns) // 3)], *(turn - 1 for turn in turns[1 :: max(1, len(turns) // 2)])]
        last = max([*turns, *used, self.as_of])
        far = min(last + _TWO_YEARS, INSTANT_LIMIT - 1)
        return sorted({0, self.as_of, *some, *used[len(used) // 2 :][:1], far - far % MICROSECONDS_PER_SECOND})


@lru_cache
def books_of(name: str) -> Books:
    """Give books by their name."""
    if name in NAMES:
        catalog = read_catalog(EXAMPLES / "catalog.toml")
        log, as_of = read_example(name)
        return Books(fold_rows(log.records, catalog=catalog, as_of=as_of).rows, catalog, as_of)
    if name == FEED:
        folded = fold_rows(_feed_records(), catalog=feed.CATALOG)
        return Books(folded.rows, feed.CATALOG, folded.as_of)
    return _world_books(int(name.removeprefix("world ")))


@lru_cache
def results(name: str, as_of: int) -> Results:
    """Give what books come to as of an instant, as the lists of docs/ledger.md 8.3."""
    books = books_of(name)
    return results_of(books.rows, catalog=books.catalog, as_of=as_of, duplicates=0)


def whole_catalog() -> Catalog:
    """Give a catalog that names the organizations of all books."""
    organizations: dict[str, Organization] = {}
    for name in ALL_BOOKS:
        organizations |= books_of(name).catalog.organizations
    return replace(books_of(FEED).catalog, organizations=MappingProxyType(organizations))


def load_all(client: Client) -> None:
    """Insert the rows of all books, and beside each of them what no view may show: a version before it, a row that is gone."""
    for table in TABLES:
        if table.row_type is DeadLetterRow:
            continue
        rows: list[Row] = [row for name in ALL_BOOKS for row in books_of(name).rows.of(table.row_type)]
        versions = (
            [published(old, revision=1) for row in rows for old in (_before(row), _gone(row)) if old is not None],
            [published(row, revision=2) for row in rows],
            [published(gone, revision=3, deleted=True) for row in rows for gone in [_gone(row)] if gone is not None],
        )
        for number, some in enumerate(versions):
            if some:
                insert(client, table, some, generation=1, token=f"{table.name} {number}")


def published(row: Row, *, revision: int, deleted: bool = False) -> PublishedRow:
    """Give a row as the sink takes it."""
    return PublishedRow(row, _NOWHERE, revision, deleted)


def _before(row: Row) -> Row | None:
    """Give a version of a row that it replaced, with other figures."""
    match row:
        case LotRow():
            return row._replace(end=None, used_micro=row.used_micro + 1, scope=())
        case AllocationRow():
            return row._replace(overage_micro=row.overage_micro + 1, paid_by=())
        case GrantRow():
            return row._replace(name="Before", voided_at=None)
        case SnapshotRow():
            return row._replace(consumed_micro=row.consumed_micro + 1)
        case NameRow():
            return row._replace(name="Before")
        case _:
            return None


_IDENTITIES: Mapping[type[Row], str] = MappingProxyType(
    {
        LedgerRow: "event_id",
        AllocationRow: "event_id",
        GrantRow: "grant_id",
        LotRow: "grant_id",
        ConflictRow: "identity",
        NameRow: "named_id",
    }
)


def _gone(row: Row) -> Row | None:
    """Give a row that stood once and was deleted, also in an account that has no other."""
    identity = _IDENTITIES.get(type(row))
    if identity is None:
        return None
    changed: dict[str, Any] = {identity: f"gone {getattr(row, identity)}"}
    if isinstance(row, LedgerRow | GrantRow):
        changed["credit_type"] = "gone"
    return row._replace(**changed)


def _feed_records() -> Iterator[ReadRecord]:
    """Give the records of a feed as they lie in their topic partitions."""
    offsets: dict[tuple[str, int], Iterator[int]] = {}
    for raw in feed.make_feed(seed=20, record_count=_FEED_RECORDS, partition_count=_FEED_PARTITIONS):
        offset = next(offsets.setdefault((raw.topic, raw.partition), count()))
        yield read_record(raw._replace(offset=offset), partition_count=_FEED_PARTITIONS)


def _world_books(seed: int) -> Books:
    world = world_of_seed(seed)
    folded = fold_rows(world.read(), as_of=world.as_of, **world.rules)
    rows = Rows()
    for table in TABLES:
        if table.row_type is not DeadLetterRow:
            rows.take(Change(_renamed(row, seed), _NOWHERE, deleted=False) for row in folded.rows.of(table.row_type))
    organizations = {_organization(name, seed): entry for name, entry in world.catalog.organizations.items()}
    return Books(rows, replace(world.catalog, organizations=MappingProxyType(organizations)), folded.as_of)


def _organization(organization_id: str, seed: int) -> str:
    return f"{organization_id}'\\{seed}"


def _renamed(row: Any, seed: int) -> Any:
    """Give a row of a world under the organization's name in these books, and the awkward one of its customer."""
    changed = {"organization_id": _organization(row.organization_id, seed)}
    for field in ("customer_id", "named_id"):
        if field in row._fields:
            changed[field] = _AWKWARD.get(getattr(row, field), getattr(row, field))
    return row._replace(**changed)
