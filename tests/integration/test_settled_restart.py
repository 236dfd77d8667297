"""A worker whose history is settled is restarted, and replayed from the start: the books are the same, key by key.

Once months are settled, what happened in them is folded up and dropped. Neither the changelog, in which the dropped keys are
deletions, nor a replay of the topics in other batches may come to anything else than the first run did.
"""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plain_model import derive
from projections import keys
from projections.account import read_lots, read_months
from projections.calendar import Month, calendar_of
from projections.fold import fold_rows
from projections.results import results_of
from projections.rows import CampaignUsageRow, DeadLetterRow, LedgerRow, SnapshotRow
from projections.state import ReadableState
from projections.stored import scan_uses
from schemas import topics
from schemas.instants import parse_instant
from schemas.records import RawRecord
from schemas.refusals import Reason
from streams.kafka.messages import raw_record
from streams.kafka.topics import ensure_topics
from tests.support import upstream
from tests.support.committed_logs import (
    Logs,
    books_part,
    reader_of_committed,
)
from tests.support.differences import assert_same_rows, assert_same_state, difference_between
from tests.support.feed_of_months import BEGINS_AT, CATALOG, ENDS_AT, SETTLED_AT, STOPPED_AT
from tests.support.worker_ledger import NUMBERS, PARTITION_COUNT, Ledger, kafka_running
from tests.support.worker_processes import WorkerProcess, wait_for

SECONDS = 60
RESTARTED_UNTIL = parse_instant("2025-07-01T00:00:00Z")
APRIL_IS_OVER = parse_instant("2025-05-08T00:00:00Z")
SMALL_BATCHES = {"CREDITS_BATCH_RECORDS": "7", "CREDITS_COMMIT_MILLISECONDS": "5"}
LARGE_BATCHES = {"CREDITS_BATCH_RECORDS": "1000", "CREDITS_COMMIT_MILLISECONDS": "250"}
SETTLED_LETTERS = (
    keys.IDENTITY,
    keys.USAGE,
    keys.SETTLED_USAGE,
    keys.CHUNK,
    keys.REVERSED,
    keys.REVERSAL,
    keys.ACCOUNT,
    keys.LOT,
    keys.SPENT_LOT,
    keys.PROMISE,
    keys.MONTH,
    keys.COUNTER,
)
"""Under these lies what leaves the state when it is settled; grants, voids and clocks stay."""


@pytest.fixture(scope="module")
def settled(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Give a ledger whose worker has read five months, has settled three of them, has gone on, and was killed."""
    folder = tmp_path_factory.mktemp("settled")
    with kafka_running(data_folder / "settled") as servers:
        ledger = Ledger(servers, folder)
        asyncio.run(settle(ledger, folder / "worker.log"))
        yield ledger


async def settle(ledger: Ledger, log: Path) -> None:
    await ensure_topics([ledger.servers], partition_count=PARTITION_COUNT, replication_factor=1)
    with ledger.worker_running(log, SMALL_BATCHES) as worker:
        await ledger.send(BEGINS_AT, SETTLED_AT)
        await ledger.until_applied(worker)
        await ledger.send(SETTLED_AT, STOPPED_AT)
        await ledger.until_applied(worker)


async def until_open(worker: WorkerProcess, log: Path) -> list[int]:
    """Wait until all partition numbers are open; gives from how many records each was restored, in the order of the log."""

    def restored() -> list[int]:
        return [int(count) for count in re.findall(r": restored from (\d+) records", log.read_text(encoding="utf-8"))]

    async def is_open() -> bool:
        return len(restored()) == PARTITION_COUNT

    await wait_for(is_open, seconds=SECONDS, workers=[worker])
    return restored()


def first_open(account: keys.AccountKey, boundary: int) -> Month:
    """Give the month of an account in which the boundary lies; those before it are settled."""
    return calendar_of(CATALOG.zone_name(account.organization_id)).month_of(boundary)


def accounts_under(state: ReadableState, letter: bytes) -> set[keys.AccountKey]:
    return {keys.split(key)[0] for key, _ in state.scan(letter)}


async def test_what_is_settled_is_final_and_gone_from_the_state(settled):
    """Months before the boundary are final, and of what happened in them no use, lot, month or counter is kept, nor its id."""
    boundary = settled.boundary()
    snapshots = settled.published.rows.of(SnapshotRow)
    assert all(row.final == (row.month_end <= boundary) for row in snapshots)
    assert {row.month for row in snapshots if row.final} >= {"2025-01", "2025-02", "2025-03"}
    kept, late = 0, 0
    for state in settled.committed.states:
        for letter in (keys.USAGE, keys.SETTLED_USAGE):
            for account in accounts_under(state, letter):
                start = first_open(account, boundary).start
                events = [use.event for _, use in scan_uses(state, account, letter=letter)]
                kept += len(events)
                late += sum(event.occurred_at < start for event in events)
                assert all(max(event.occurred_at, event.recorded_at) >= start for event in events)
                assert all((event.occurred_at < start) == (letter == keys.SETTLED_USAGE) for event in events)
        for account in accounts_under(state, keys.MONTH):
            assert all(row.month_start >= first_open(account, boundary).start for row in read_months(state, account))
        for letter in (keys.LOT, keys.SPENT_LOT):
            for account in accounts_under(state, letter):
                start = first_open(account, boundary).start
                assert all(lot.end is None or lot.end >= start for _, lot in read_lots(state, account, letter=letter))
        for key, _ in state.scan(keys.COUNTER):
            account, rest = keys.split(key)
            assert rest.split(b"\x00")[2].decode() >= f"{first_open(account, boundary).label}-01"
        identities = [value for _, value in state.scan(keys.IDENTITY)]
        assert all(state.get(key) is not None for key in identities)
    assert 0 < late < kept < len(settled.published.rows.of(LedgerRow)) / 2
    assert any(row.day < "2025-04" for row in settled.published.rows.of(CampaignUsageRow))
    refused = {row.reason for row in settled.published.rows.of(DeadLetterRow)}
    assert refused == {Reason.TOO_LATE.value, Reason.GRANT_CONFLICT.value}


async def test_an_account_of_which_all_is_settled_is_closed(settled):
    """Of customers that are quiet since February nothing is open, held or due any more, and all their months are final."""
    open_accounts = {keys.account_of(key[1:]) for state in settled.committed.states for key, _ in state.scan(keys.ACCOUNT)}
    closed = [row for row in settled.published.rows.of(SnapshotRow) if keys.AccountKey(*row[:3]) not in open_accounts]
    assert closed
    assert all(row.final for row in closed)
    owners = {keys.AccountKey(*row[:3]).customer for row in closed}
    for state in settled.committed.states:
        held = [key[1:].split(b"\x00")[0] for letter in SETTLED_LETTERS for key, _ in state.scan(letter)]
        due = [keys.read_due(key)[1] for letter in (keys.DUE_BY_CLOCK, keys.DUE_BY_BOUNDARY) for key, _ in state.scan(letter)]
        assert owners.isdisjoint(keys.account_of(owner).customer for owner in held + due)


async def test_a_restart_without_a_store_gives_the_same_state(settled, tmp_path):
    """Killed, without its folder, a worker restores from a changelog that was compacted meanwhile: the same, key by key."""
    await settled.until_compacted()
    shutil.rmtree(settled.state_folder)
    log = tmp_path / "worker.log"
    with settled.worker_running(log, SMALL_BATCHES) as worker:
        assert all(count > 0 for count in await until_open(worker, log))
        assert worker.terminate() == 0
    for number in NUMBERS:
        expected = dict(settled.committed.states[number].scan(b""))
        assert_same_state(expected, settled.stored(number), f"the store of partition number {number}")


async def test_events_and_time_go_on_after_a_restart(settled, tmp_path):
    """What comes right after a restart, and after one in the middle of the settlement of April, follows as in the fold."""
    shutil.rmtree(settled.state_folder, ignore_errors=True)
    boundary = settled.boundary()
    with settled.worker_running(tmp_path / "restarted.log", SMALL_BATCHES) as worker:
        await settled.send(STOPPED_AT, RESTARTED_UNTIL)
        await settled.until_applied(worker)
        await settled.send(RESTARTED_UNTIL, ENDS_AT)
        await settled.until_boundary(APRIL_IS_OVER, worker)
    shutil.rmtree(settled.state_folder)
    with settled.worker_running(tmp_path / "killed.log", SMALL_BATCHES) as worker:
        await settled.until_applied(worker)
    assert settled.boundary() > boundary
    assert {row.month for row in settled.published.rows.of(SnapshotRow) if row.final} >= {"2025-04"}


async def test_a_replay_from_the_start_gives_the_same_books(settled, data_folder, tmp_path):
    """A new worker on another broker with the same inputs, in other batches, comes to the same state and rows as the first."""
    with kafka_running(data_folder / "replayed") as servers:
        replayed = Ledger(servers, tmp_path)
        await copy_inputs(settled, replayed)
        with replayed.worker_running(tmp_path / "worker.log", LARGE_BATCHES) as worker:
            await replayed.until_applied(worker)
    assert replayed.commit_count() < settled.commit_count()
    for number in NUMBERS:
        expected, found = settled.committed.states[number], replayed.committed.states[number]
        assert_same_state(books_part(expected), books_part(found), f"the replayed state of partition number {number}")
    assert_same_rows(settled.published.rows, replayed.published.rows, "the replayed output topics")


async def test_the_rows_are_those_of_a_fold_of_all_at_once_and_of_the_plain_model(settled):
    """All lists made from the published rows are those of the whole log, by either derivation, and none is empty."""
    folded = fold_rows(settled.fold.records, catalog=CATALOG)
    assert_same_rows(folded.rows, settled.published.rows, "the output topics")
    results = results_of(settled.published.rows, catalog=CATALOG, as_of=folded.as_of, duplicates=folded.duplicates)
    plain = derive(settled.fold.records, catalog=CATALOG)
    assert all(plain.values())
    told = difference_between(results, plain, left_name="the output topics", right_name="plain model")
    assert told is None, told


async def copy_inputs(source: Ledger, target: Ledger) -> None:
    """Write the input topics of one broker to another one, so that each record has the same place, time, and content."""
    records = await inputs_of(source)
    await ensure_topics([target.servers], partition_count=PARTITION_COUNT, replication_factor=1)
    await upstream.send(records, servers=target.servers)
    assert await inputs_of(target) == records


async def inputs_of(ledger: Ledger) -> list[RawRecord]:
    async with reader_of_committed(ledger.servers) as reader:
        return sorted(
            raw_record(record) for record in await Logs(topics.INPUT_TOPICS, partition_count=PARTITION_COUNT).read_on(reader)
        )
