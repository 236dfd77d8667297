"""The whole stream under faults: whatever happened, fold, state, output topics and ClickHouse hold the same books.

All cases work on one stream, and each holds the four books against each other for the whole log so far (docs/testing.md).
"""

import asyncio
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.records import ReadRecord
from schemas.refusals import Reason, Refusal
from tests.support import faults, upstream
from tests.support.commit_proxy import CommitProxy
from tests.support.doses import SEED, Dose, dose_of
from tests.support.fault_report import Report
from tests.support.feed import make_feed
from tests.support.stream_harness import PARTITION_COUNT, SECONDS, Stream
from tests.support.stream_start import stream_running

OTHER_SEED = 7
RECORDS = 500
BUSY = 1_500
"""So many records at once keep a worker busy for seconds, with all queues between its agents full."""


@pytest.fixture(scope="module")
def dose() -> Dose:
    """Give the dose of this run."""
    return dose_of()


@pytest.fixture(scope="module")
def stream(data_folder: Path, dose: Dose, fault_reports: list[Report]) -> Iterator[Stream]:
    """Give the stream that all cases work on, with its sink; its report is shown when the run ends."""
    report = Report(seed=SEED)
    fault_reports.append(report)
    with stream_running(data_folder / "faults", record_count=dose.record_count, report=report) as running:
        running.start_sink()
        yield running


def gap_count(records: Sequence[ReadRecord]) -> int:
    """Count the places in the logs at which offsets are missing between two records."""
    offsets: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for record in records:
        offsets[record.place[:2]].append(record.place.offset)
    return sum(after - before > 1 for log in offsets.values() for before, after in pairwise(log))


def test_one_worker_keeps_the_books(stream):
    """Without any fault, the four books are the same."""
    stream.run_only(stream.member("w1"))
    stream.send(stream.take(2 * RECORDS))
    assert stream.check()


def test_workers_join_and_leave_while_there_is_much_to_do(stream, dose):
    """A second and a third worker join busy ones and take partition numbers over; both leave, one of them without a word."""
    first, second, third = stream.member("w1"), stream.worker("w2"), stream.worker("w3")
    for _ in range(dose.moves):
        stream.run_only(first)
        first.wait_until_open()
        for joining in (second, third):
            with stream.sending(stream.take(BUSY)), stream.report.recovery("a worker that joins, until it is open"):
                joining.start()
                joining.wait_until_open()
        with stream.sending(stream.take(BUSY)):
            second.stop()
            stream.kill(third)
            with stream.report.recovery("workers that left, until the last one has all partition numbers"):
                stream.stack.wait_until(
                    lambda: len(first.log.read_on().open_numbers) == PARTITION_COUNT, what="the first worker", seconds=SECONDS
                )
        stream.check()


def test_workers_that_are_killed_lose_and_double_nothing(stream, dose):
    """Kill -9 in open transactions, restores and rebalances: of a worker that has a name in its group, and of one without."""
    workers = (stream.member("w1"), stream.worker("w2"))
    stream.run_only(*workers)
    for worker in workers:
        worker.wait_until_open()
    faults.kill_workers(stream, workers, wanted=dose.kills, seconds=SECONDS * sum(dose.kills.values()))
    stream.check()


def test_a_worker_that_was_frozen_does_no_harm_when_it_goes_on(stream, dose):
    """A worker stops in a commit until its session is over and another has its work; what it does then is void."""
    first, second = stream.member("w1"), stream.worker("w2")
    for _ in range(dose.freezes):
        stream.run_only(first, second)
        first.wait_until_open()
        second.wait_until_open()
        faults.freeze_until_replaced(stream, first, second)
        stream.check()


def test_a_broker_that_is_killed_only_delays(stream, dose):
    """Kafka is killed while a worker commits and records are sent; what was acknowledged counts once."""
    worker = stream.member("w1")
    stream.run_only(worker)
    worker.wait_until_open()
    for _ in range(dose.broker_kills):
        faults.kill_broker(stream, worker)
        stream.check()


def test_a_clickhouse_that_is_killed_only_delays(stream, dose):
    """ClickHouse is killed while rows come in; the ledger goes on without it, and all becomes visible when it is back."""
    stream.run_only(stream.member("w1"))
    for _ in range(dose.gateway_kills):
        faults.kill_gateway(stream)
        stream.check()


def test_a_sink_that_is_killed_loses_and_doubles_nothing(stream, dose):
    """The sink is killed while rows are under way; the next one carries on from what was committed."""
    stream.run_only(stream.member("w1"))
    for _ in range(dose.sink_kills):
        faults.kill_sink(stream)
    stream.check()


def test_a_commit_whose_answer_is_lost_counts_once(stream, dose):
    """The broker commits and the worker is not told: a cut connection, a kill just then, and no answer ever."""
    with CommitProxy(port=stream.proxy_port, broker_port=stream.proxied_port) as proxy:
        worker = stream.worker("w-proxied", CREDITS_KAFKA_BROKERS=f"127.0.0.1:{proxy.port}", CREDITS_MEMBER_NAME="w-proxied")
        stream.run_only(worker)
        worker.wait_until_open()
        faults.cut_answers_to_commits(stream, proxy, count=dose.lost_answers)
        faults.kill_before_the_answer(stream, worker, proxy)
        for _ in range(dose.silences):
            faults.leave_commit_unanswered(stream, proxy)
        stream.check()
        stream.run_only()


def test_gaps_between_offsets_are_no_gaps_in_the_books(stream):
    """Upstream sends in transactions: what it aborts does not count, and the offsets that are missing stop nothing."""
    stream.run_only(stream.member("w1"))
    records = stream.take(RECORDS)
    undone = make_feed(seed=OTHER_SEED, record_count=len(records), partition_count=PARTITION_COUNT)
    gaps_before = gap_count(stream.check())
    sending = upstream.send_in_transactions(records, undone=undone, servers=stream.stack.bootstrap_servers)
    aborted_count = asyncio.run(sending)
    gaps = gap_count(stream.check()) - gaps_before
    assert gaps > aborted_count > 0
    stream.report.note(f"upstream aborted {aborted_count} transactions, {gaps} gaps between offsets came of it")


def test_a_local_store_that_is_gone_cut_or_old_is_brought_up_again(stream, tmp_path):
    """One store is deleted, one has its tables cut, one its log of writes, one is an older copy: all come up right."""
    worker = stream.member("w1")
    stream.run_only()
    gone, cut, torn, old, *_ = faults.store_folders(worker)
    shutil.copytree(old, tmp_path / "kept")
    stream.run_only(worker)
    stream.send(stream.take(RECORDS // 2))
    stream.wait_until_applied()
    stream.kill(worker)
    shutil.rmtree(gone)
    assert faults.cut_files(cut, "*.sst") > 0
    assert faults.cut_files(torn, "*.log") > 0
    faults.put_back(tmp_path / "kept", old)
    with stream.report.recovery("local stores that are gone, cut and old, until all is applied"):
        stream.run_only(worker)
        stream.send(stream.take(faults.PIECE))
        stream.wait_until_applied()
    stream.check()
    assert "local store" in worker.log.text()


def test_two_workers_as_operators_run_them_keep_the_books_of_the_whole_feed(stream):
    """With the settings that a worker has by default, the rest of the feed comes out right, and holds every kind of record."""
    defaults = {"CREDITS_BATCH_RECORDS": "", "CREDITS_COMMIT_MILLISECONDS": ""}
    stream.run_only(stream.worker("w4", **defaults), stream.worker("w5", **defaults))
    stream.send(stream.take_rest())
    records = stream.check_from_the_beginning()
    refused = Counter(record.content.reason for record in records if isinstance(record.content, Refusal))
    assert refused.keys() == {Reason.UNDECODABLE, Reason.INVALID, Reason.WRONG_KEY}
    stream.report.note(f"{len(records)} records lie in the input topics, {sum(refused.values())} of them cannot be read")
