"""What can be done to a stream: each fault is a function, which reports what it fell into and how long recovery took."""

import random
import shutil
import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

from streams.embedded.kafka import kafka_answers
from streams.embedded.stack import gateway_answers
from tests.support.commit_proxy import CommitProxy, Loss
from tests.support.stream_harness import PARTITION_COUNT, SECONDS, Stream
from tests.support.stream_worker import StreamWorker
from tests.support.worker_phases import InFlight

PIECE = 60
"""So many records are sent around one fault."""
ROWS = 300
"""So many records are sent where something of them has to be under way for a while."""
_CATCH_SECONDS = 20
_COMMIT_SECONDS = 2
"""A worker that has begun no commit for so long has no records left to commit."""
_DELAY_SECONDS_MAX = {InFlight.COMMIT: 0.03, InFlight.RESTORE: 0.05, InFlight.REBALANCE: 0.1}
"""How long at most a kill waits after it has seen what it is to fall into, so that it falls into all parts of it."""
_SHOWED_NOTHING = "the kill came after all was carried over, and showed nothing"


def kill_workers(stream: Stream, victims: Sequence[StreamWorker], *, wanted: Mapping[InFlight, int], seconds: float) -> None:
    """Kill running workers in turn, and start them again, until so many kills fell into each phase; fails when time is up."""
    choice, deadline = random.Random(stream.report.seed), time.monotonic() + seconds  # noqa: S311 - the same for the same seed
    missing = dict(wanted)
    for victim in cycle(victims):
        if not any(missing.values()):
            return
        assert time.monotonic() < deadline, f"after {seconds} s so many kills were missing still: {missing}"
        freeze_in_transaction(stream, victim, choice)
        _kill(stream, victim, missing)
        with stream.report.recovery("kill -9 of a worker, until it is open again"):
            for aimed_at in (InFlight.REBALANCE, InFlight.RESTORE):
                if missing[aimed_at] > 0:
                    victim.start()
                    victim.log.wait_for_any(aimed_at, seconds=_CATCH_SECONDS)
                    time.sleep(choice.uniform(0, _DELAY_SECONDS_MAX[aimed_at]))
                    _kill(stream, victim, missing)
            victim.start()
            victim.wait_until_open()


def _kill(stream: Stream, victim: StreamWorker, missing: dict[InFlight, int]) -> None:
    for one in stream.kill(victim) & missing.keys():
        missing[one] = max(0, missing[one] - 1)


def freeze_in_transaction(stream: Stream, worker: StreamWorker, choice: random.Random) -> None:
    """Send records, and freeze a worker when the broker has a transaction of its open."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with stream.flowing(stream.take(PIECE)):
            while worker.log.wait_for_any(InFlight.COMMIT, seconds=_COMMIT_SECONDS):
                time.sleep(choice.uniform(0, _DELAY_SECONDS_MAX[InFlight.COMMIT]))
                worker.freeze()
                if stream.has_open_transaction(worker):
                    return
                worker.thaw()
    raise AssertionError(f"in {SECONDS} s no transaction of {worker.name} was found open")


def freeze_until_replaced(stream: Stream, frozen: StreamWorker, other: StreamWorker) -> None:
    """Freeze a worker within a commit until the group has given its work to another, then let it go on."""
    report, choice = stream.report, random.Random(stream.report.seed)  # noqa: S311 - as above
    freeze_in_transaction(stream, frozen, choice)
    with report.recovery("freeze of a worker in a transaction, until another has done all of its work"):
        stream.stack.wait_until(
            lambda: len(other.log.read_on().open_numbers) == PARTITION_COUNT, what="the other worker", seconds=SECONDS
        )
        stream.send(stream.take(PIECE))
        stream.wait_until_applied()
    opened_count = frozen.log.read_on().opened_count
    frozen.thaw()
    with report.recovery("return of the frozen worker, until it is open again"), stream.flowing(stream.take(PIECE)):
        stream.stack.wait_until(
            lambda: frozen.log.read_on().opened_count > opened_count, what="the worker that was frozen", seconds=SECONDS
        )


def kill_broker(stream: Stream, worker: StreamWorker) -> None:
    """Kill Kafka while records are sent and a worker commits, and start it again."""
    with stream.report.recovery("kill -9 of the broker, until all is applied"):
        with stream.sending(stream.take(PIECE)):
            worker.log.wait_for_any(InFlight.COMMIT, seconds=_CATCH_SECONDS)
            stream.kill_process("kafka")
            stream.report.note(f"the broker was killed in {', '.join(sorted(worker.log.read_on().in_flight()))}")
            stream.stack.start_part(stream.stack.parts["kafka"])
            _wait_for_kafka(stream)
        stream.wait_until_applied()


def kill_gateway(stream: Stream) -> None:
    """Kill ClickHouse while rows come; the workers go on without it, and the sink when it is back."""
    assert stream.kill_with_rows_under_way("clickhouse", records=stream.take(ROWS)), _SHOWED_NOTHING
    stream.send(stream.take(PIECE))
    stream.wait_until_applied()
    with stream.report.recovery("start of the killed ClickHouse, until all is visible"):
        stream.stack.start_part(stream.stack.parts["clickhouse"])
        port = stream.stack.clickhouse_port
        stream.stack.wait_until(lambda: gateway_answers(port), what="ClickHouse", seconds=SECONDS)
        stream.wait_until_visible()


def kill_sink(stream: Stream) -> None:
    """Kill the sink while rows are under way to ClickHouse, and start it again."""
    assert stream.kill_with_rows_under_way(stream.sink_name, records=stream.take(ROWS)), _SHOWED_NOTHING
    with stream.report.recovery("start of the killed sink, until all is visible"):
        stream.start_sink()
        stream.wait_until_visible()


def cut_answers_to_commits(stream: Stream, proxy: CommitProxy, *, count: int) -> None:
    """Cut the connection, so many times, when a commit has happened and its answer has not yet come back."""
    for _ in range(count):
        _lose_answer(stream, proxy, Loss.CUT)
        with stream.report.recovery("cut after a commit, before its answer, until all is applied"):
            stream.wait_until_applied()


def kill_before_the_answer(stream: Stream, worker: StreamWorker, proxy: CommitProxy) -> None:
    """Kill a worker when a commit of its has happened and it has not been told."""
    _lose_answer(stream, proxy, Loss.SILENCE)
    fell_into = stream.kill(worker)
    assert InFlight.COMMIT in fell_into, f"the worker had gone on: {sorted(fell_into)}"
    with stream.report.recovery("kill -9 of a worker that was not told of its commit, until all is applied"):
        worker.start()
        stream.wait_until_applied()


def leave_commit_unanswered(stream: Stream, proxy: CommitProxy) -> None:
    """Let the answer to a commit never come, until the worker gives the commit up, and restores what became of it."""
    _lose_answer(stream, proxy, Loss.SILENCE)
    with stream.report.recovery("a commit that is never answered, until all is applied"):
        stream.wait_until_applied()


def _lose_answer(stream: Stream, proxy: CommitProxy, loss: Loss) -> None:
    proxy.lose_next(loss)
    stream.send(stream.take(PIECE))
    assert proxy.wait_until_lost(seconds=_CATCH_SECONDS), "no commit came through the proxy"


def store_folders(worker: StreamWorker) -> list[Path]:
    """Give the folders of a worker's local stores, one a partition number."""
    return sorted(worker.state_folder.glob("generation-*/partition-*"))


def cut_files(folder: Path, pattern: str) -> int:
    """Cut files of a store in half; gives how many there were."""
    files = list(folder.glob(pattern))
    for file in files:
        with file.open("r+b") as content:
            content.truncate(file.stat().st_size // 2)
    return len(files)


def put_back(kept: Path, folder: Path) -> None:
    """Replace a store by an older copy of it."""
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)


def _wait_for_kafka(stream: Stream) -> None:
    port = stream.stack.settings.kafka_port
    stream.stack.wait_until(lambda: kafka_answers(port), what="Kafka", seconds=SECONDS)
