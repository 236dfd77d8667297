"""One measurement of one contender: fresh topics, the opening applied, then the body sent at once, until all is committed."""

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aiokafka import TopicPartition

from bench import ordinary_agent
from bench.bare_loop import Stretch, read_seconds
from bench.feed import Feed
from bench.feeding import Sender, remake_topics
from bench.published import PublishedBooks, read_published_books
from bench.watching import Watch
from schemas import topics
from schemas.errors import TransientError
from schemas.reading import read_record
from streams.embedded.processes import tail
from streams.embedded.stack import Stack
from streams.kafka.topics import CHANGELOG, GROUP

CHECKOUT = Path(__file__).resolve().parents[1]
CATALOG = CHECKOUT / "bench" / "catalog.toml"

WORKER, AGENT, BARE_LOOP = "worker", "agent", "bare loop"

_READ_AT_LEAST = 50_000
"""So many events the bare loop reads, in several passes where there are fewer: one pass would be too short to be measured."""


class Measured(NamedTuple):
    """What one contender did: events, wall time and processor time of its process, in seconds."""

    contender: str
    event_count: int
    seconds: float
    cpu_seconds: float


class Contender(NamedTuple):
    """A process that keeps the books: how it is started, its consumer group, and the topics by whose growth it is watched.

    `compacted` are topics of its own, which are made for it before it starts.
    """

    name: str
    group: str
    watched: tuple[str, ...]
    compacted: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]


class Run(NamedTuple):
    """What all measurements of a run share; `settings` are given to the worker, beside those that it cannot do without."""

    stack: Stack
    feed: Feed
    partition_count: int
    limit_seconds: float
    settings: Mapping[str, str]


class Outcome(NamedTuple):
    """What a contender did, the books that came of it, and where the body begins in the input topics that it left."""

    measured: Measured
    books: PublishedBooks
    begins: Mapping[TopicPartition, int]


def worker(run: Run) -> Contender:
    """Give the project's worker, as an operator runs it, without a clock of its own, on an empty state."""
    return Contender(
        WORKER,
        GROUP,
        (CHANGELOG, topics.LEDGER, topics.LOTS),
        (),
        (sys.executable, "-m", "streams", "worker"),
        {
            "CREDITS_KAFKA_BROKERS": run.stack.bootstrap_servers,
            "CREDITS_CATALOG": str(CATALOG),
            "CREDITS_PARTITION_COUNT": str(run.partition_count),
            "CREDITS_STATE_FOLDER": tempfile.mkdtemp(prefix="state-", dir=run.stack.data_folder),
            "CREDITS_CLOCK": "off",
            "CREDITS_WEB_PORT": "0",
            "CREDITS_LOG_LEVEL": "WARNING",
            **run.settings,
        },
    )


def agent(run: Run) -> Contender:
    """Give the same books in an ordinary Faust agent."""
    arguments = (run.stack.bootstrap_servers, str(CATALOG), str(run.partition_count))
    return Contender(
        AGENT,
        ordinary_agent.GROUP,
        (ordinary_agent.CHANGELOG, topics.LEDGER, topics.LOTS),
        # Faust would make its changelog itself, and sometimes not know of its partitions yet at the first write.
        (ordinary_agent.CHANGELOG,),
        (sys.executable, "-m", "bench.ordinary_agent", *arguments),
        {"FAUST_DATADIR": str(run.stack.data_folder / "faust")},
    )


async def measure(run: Run, contender: Contender, *, event_count: int) -> Outcome:
    """Measure a contender on the first events of the body; raises TransientError where it fails or is not done in time."""
    stack, servers, partition_count = run.stack, run.stack.bootstrap_servers, run.partition_count
    await remake_topics(servers, partition_count=partition_count, compacted=contender.compacted)
    async with Sender(servers) as sender, Watch(servers, group=contender.group, partition_count=partition_count) as watch:
        opening, body = sender.pack(run.feed.opening), sender.pack(run.feed.body[:event_count])
        child = stack.start_process(contender.name, contender.command, environment=contender.environment, folder=CHECKOUT)
        try:
            await sender.send(opening)
            await watch.wait_until_done((topics.LOTS,), seconds=run.limit_seconds, check=stack.check)
            begins = await watch.input_ends()
            cpu_before, began_at = _cpu_seconds(child.process.pid), time.perf_counter()
            await sender.send(body)
            done_at = await watch.wait_until_done(contender.watched, seconds=run.limit_seconds, check=stack.check)
            cpu_seconds = _cpu_seconds(child.process.pid) - cpu_before
        except TimeoutError as error:
            raise TransientError(f"{error}; the log of the {contender.name} ends:\n{tail(child.log)}") from error
        finally:
            stack.stop_process(contender.name)
    books = await read_published_books(servers, partition_count=partition_count)
    return Outcome(Measured(contender.name, event_count, done_at - began_at, cpu_seconds), books, begins)


async def measure_bare_loop(run: Run, outcome: Outcome) -> Measured:
    """Measure the bare loop on the events that a contender read before."""
    event_count = outcome.measured.event_count
    pass_count = -(-_READ_AT_LEAST // event_count)
    cpu_before = time.process_time()
    seconds = await read_seconds(
        Stretch(run.stack.bootstrap_servers, outcome.begins, event_count),
        pass_count=pass_count,
        understand=partial(read_record, partition_count=run.partition_count),
    )
    return Measured(BARE_LOOP, event_count, seconds, (time.process_time() - cpu_before) / pass_count)


def _cpu_seconds(pid: int) -> float:
    """Give the processor time that a process has taken so far, in its own code and in the kernel's."""
    # The name in parentheses may hold anything; the 12th and 13th field after it count ticks.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
