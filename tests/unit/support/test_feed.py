"""The feed of the fault tests: it holds every kind of record in number, and the same seed gives the same feed."""

from collections import Counter, defaultdict
from typing import NamedTuple

import pytest

from projections.fold import Folded, fold_rows
from projections.rows import AllocationRow, CampaignUsageRow, ConflictRow, DeadLetterRow, GrantRow, LedgerRow, SnapshotRow
from schemas.events import ACTIVITY_TYPES, TimeAdvanced
from schemas.instants import MICROSECONDS_PER_DAY
from schemas.reading import hop_header, read_record
from schemas.records import RawRecord, ReadRecord, Reroute
from schemas.refusals import Conflict, Reason
from tests.support.doses import SEED, SHORT
from tests.support.feed import CATALOG, ORGANIZATIONS, make_feed

PARTITION_COUNT = 6
MANY = 20
LATE = 30 * MICROSECONDS_PER_DAY


class Sent(NamedTuple):
    """The feed as it would lie in the topics, with all that was sent on, and what it comes to."""

    records: list[ReadRecord]
    folded: Folded


def in_logs(feed: list[RawRecord]) -> list[ReadRecord]:
    """Give each record the next offset of its log, and send on, at once, what lies on a foreign partition."""
    offsets: Counter[tuple[str, int]] = Counter()
    records: list[ReadRecord] = []

    def write(record: RawRecord) -> ReadRecord:
        offset = offsets[record.topic, record.partition]
        offsets[record.topic, record.partition] += 1
        records.append(read_record(record._replace(offset=offset), partition_count=PARTITION_COUNT))
        return records[-1]

    for record in feed:
        read = write(record)
        if isinstance(read.content, Reroute):
            write(record._replace(partition=read.content.partition, headers=(*record.headers, hop_header(read.place))))
    return records


@pytest.fixture(scope="module")
def sent() -> Sent:
    records = in_logs(make_feed(seed=SEED, record_count=SHORT.record_count, partition_count=PARTITION_COUNT))
    return Sent(records, fold_rows(records, catalog=CATALOG))


def test_every_verdict_is_given_often(sent):
    """Duplicates, every refusal and reroutes: each comes at least twenty times, and all get accepted that should be.

    Only for more grants than an account may have the feed is too small.
    """
    refused = Counter(row.reason for row in sent.folded.rows.of(DeadLetterRow))
    assert refused.keys() == set(Reason) - {Reason.TOO_MANY_GRANTS}
    assert min(refused.values()) >= MANY
    assert sent.folded.duplicates >= MANY
    assert sum(isinstance(record.content, Reroute) for record in sent.records) >= MANY


def test_every_conflict_comes_often(sent):
    """What makes an accepted event stand apart is there, each kind at least twenty times."""
    conflicts = Counter(row.conflict for row in sent.folded.rows.of(ConflictRow))
    assert conflicts.keys() == set(Conflict)
    assert min(conflicts.values()) >= MANY


def test_grants_and_consumption_have_all_their_kinds(sent):
    """Every activity, both cadences, voids, reversals, overage, several payers, limits and none."""
    rows = sent.folded.rows
    assert min(Counter(row.activity_type for row in rows.of(LedgerRow))[name] for name in ACTIVITY_TYPES) >= MANY
    grants, allocations = rows.of(GrantRow), rows.of(AllocationRow)
    for count in (
        sum(grant.cadence == "MONTHLY" for grant in grants),
        sum(grant.voided_at is not None for grant in grants),
        sum(grant.amount_micro is None for grant in grants),
        sum(bool(grant.scope) for grant in grants),
        sum(allocation.reversed_micro > 0 for allocation in allocations),
        sum(allocation.overage_micro > 0 for allocation in allocations),
        sum(len(allocation.paid_by) > 1 for allocation in allocations),
        sum(bool(allocation.cost) for allocation in allocations),
        len(rows.of(CampaignUsageRow)),
    ):
        assert count >= MANY


def test_some_is_accepted_months_late_and_history_settles_on_the_way(sent):
    """Ticks come with and without an instant from which on events are accepted; months become final; late uses stand."""
    ticks = Counter(record.content.accept_from is None for record in sent.records if isinstance(record.content, TimeAdvanced))
    assert min(ticks[True], ticks[False]) >= MANY
    assert sum(row.final for row in sent.folded.rows.of(SnapshotRow)) >= MANY
    late = sum(row.recorded_at - row.occurred_at > LATE for row in sent.folded.rows.of(LedgerRow))
    assert late >= MANY


def test_there_are_many_customers_and_some_are_hot(sent):
    """Some 2,500 customers of all organizations; a few of them do many times as much as the others."""
    uses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in sent.folded.rows.of(LedgerRow):
        uses[row.organization_id][row.customer_id] += 1
    assert uses.keys() == set(ORGANIZATIONS)
    counts = sorted(count for customers in uses.values() for count in customers.values())
    assert len(counts) > 2_000
    assert counts[-MANY] > 10 * counts[len(counts) // 2]


def test_a_seed_gives_one_feed_and_another_seed_another():
    """A failure is repeated by its seed; a feed has exactly so many records as were asked for."""
    once, again, other = (make_feed(seed=seed, record_count=500, partition_count=PARTITION_COUNT) for seed in (1, 1, 2))
    assert len(once) == 500
    assert once == again
    assert once != other


def test_records_lie_where_their_keys_belong_unless_they_were_misrouted(sent):
    """Most records need not be sent on."""
    foreign = {record.first_place for record in sent.records if record.place != record.first_place}
    assert MANY <= len(foreign) < len(sent.records) / 10
