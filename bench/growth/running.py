"""One worker process over a crowd: fresh topics, the first grants applied, then all events sent, and the worker started anew.

So the worker finds all of it waiting and nobody else works meanwhile; its memory is watched from its first start on.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.contenders import CHECKOUT, Contender, Run, worker
from bench.feed import Feed
from bench.feeding import remake_topics
from bench.growth.crowd import Crowd, numbers_of, send_body, send_opening
from bench.growth.delays import Delays, read_delays
from bench.growth.resident import Resident, watched
from bench.growth.sizes import log_bytes
from bench.watching import Watch
from schemas.errors import TransientError
from streams.embedded.ports import free_ports
from streams.embedded.processes import tail
from streams.embedded.stack import Stack
from streams.kafka.topics import CHANGELOG, OUTPUT_TOPICS

_POLL_SECONDS = 0.1
_TOLD_EVERY_SECONDS = 30


class Place(NamedTuple):
    """Where workers run, with which settings beside those that they need, and how long one of them may take."""

    stack: Stack
    partition_count: int
    limit_seconds: float
    settings: dict[str, str]


class Logs(NamedTuple):
    """What the worker has written: records and bytes of its changelog, bytes of its outputs."""

    changelog_records: int
    changelog_bytes: int
    output_bytes: int

    def since(self, before: "Logs") -> "Logs":
        """Give what has come since."""
        return Logs(*(now - then for now, then in zip(self, before, strict=True)))


class Ran(NamedTuple):
    """What the worker did with the events after the first grants.

    `done_count` are those that it had applied after `seconds`; it is all of them, and `lag` is 0, unless the limit came first.
    `began_at` is when its first commit was seen, `logs` what it wrote; the state lies in `state_folder`. `warnings` are
    the lines of its log in which it warns of anything, such as a commit that failed and was done again.
    """

    crowd: Crowd
    done_count: int
    seconds: float
    lag: int
    began_at: float
    resident: tuple[Resident, Resident]
    logs: Logs
    state_folder: Path
    warnings: tuple[str, ...]
    delays: Delays

    @property
    def events_a_second(self) -> float:
        """The events by the seconds from the first commit to the last."""
        return self.done_count / self.seconds

    @property
    def peak(self) -> int:
        """The most resident memory that the worker had at its first or second start, in bytes."""
        return max(resident.peak() for resident in self.resident)


async def run_worker(place: Place, crowd: Crowd, *, name: str) -> Ran:
    """Let a worker apply a crowd, on fresh topics and an empty state; raises TransientError where it fails."""
    stack, servers, partition_count = place.stack, place.stack.bootstrap_servers, place.partition_count
    parts = numbers_of(crowd, partition_count=partition_count)
    await remake_topics(servers, partition_count=partition_count)
    contender = worker(Run(stack, Feed((), (), {}), partition_count, place.limit_seconds, place.settings))
    watch = Watch(servers, group=contender.group, partition_count=partition_count, poll_seconds=_POLL_SECONDS)
    async with watch:
        await send_opening(servers, parts)
        _tell(f"{name}: {crowd.opening_count:,} first grants are sent")
        opening = await _apply(place, contender, watch, name=name)
        if opening.lag > 0:
            raise TransientError(f"{name}: the first grants were not applied in {place.limit_seconds:.0f} s; give more time")
        before = await _logs(stack, watch)
        await send_body(servers, parts)
        event_count = sum((await watch.input_ends()).values())
        _tell(f"{name}: {crowd.event_count:,} events are sent, {event_count:,} records lie in the topics")
        body = await _apply(place, contender, watch, name=name)
        logs = (await _logs(stack, watch)).since(before)
    return Ran(
        crowd,
        crowd.event_count - body.lag,
        body.ended_at - body.began_at,
        body.lag,
        body.began_at,
        (opening.resident, body.resident),
        logs,
        Path(contender.environment["CREDITS_STATE_FOLDER"]),
        (*opening.warnings, *body.warnings),
        body.delays,
    )


class _Applied(NamedTuple):
    """One life of the worker: from its first commit to its last or to the limit, and by how much it was behind then."""

    began_at: float
    ended_at: float
    lag: int
    resident: Resident
    warnings: tuple[str, ...]
    delays: Delays


async def _apply(place: Place, contender: Contender, watch: Watch, *, name: str) -> _Applied:
    """Start the worker, wait until it has applied all that lies there, and end it."""
    [port] = free_ports(1)
    environment = {**contender.environment, "CREDITS_WEB_PORT": str(port)}
    child = place.stack.start_process(contender.name, contender.command, environment=environment, folder=CHECKOUT)
    limit = place.limit_seconds
    try:
        async with watched(child.process.pid) as resident:
            check = _checking(place.stack, resident, name)
            began_at = await watch.wait_until_grown(CHANGELOG, seconds=limit, check=check)
            try:
                ended_at = await watch.wait_until_done(contender.watched, seconds=limit, check=check)
                lag = await watch.lag()
            except TimeoutError:
                ended_at, lag = time.perf_counter(), await watch.lag()
            delays = await asyncio.to_thread(read_delays, port)
    except TimeoutError as error:
        raise TransientError(f"{error}; the log of the {contender.name} ends:\n{tail(child.log)}") from error
    finally:
        place.stack.stop_process(contender.name)
    return _Applied(began_at, ended_at, lag, resident, _warnings(child.log), delays)


def _checking(stack: Stack, resident: Resident, name: str) -> Callable[[], None]:
    """Give a check that every process still runs, which now and then tells how far it is."""
    began = told = time.perf_counter()

    def check() -> None:
        nonlocal told
        stack.check()
        now = time.perf_counter()
        if now - told > _TOLD_EVERY_SECONDS:
            told = now
            _tell(f"{name}: {now - began:.0f} s, peak {resident.peak() >> 20} MB")

    return check


def _warnings(log: Path) -> tuple[str, ...]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(line for line in lines if " WARNING " in line or " ERROR " in line)


async def _logs(stack: Stack, watch: Watch) -> Logs:
    folder = stack.data_folder / "kafka"
    return Logs(
        await watch.end_of(CHANGELOG),
        log_bytes(folder, CHANGELOG),
        sum(log_bytes(folder, topic) for topic in OUTPUT_TOPICS),
    )


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
