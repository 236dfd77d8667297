"""`credits emit`: files of events, or standard input, into the input topics."""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import IO, Annotated, NamedTuple, cast

import msgspec
import typer

from creditstream.connection import Brokers
from creditstream.wall_clock import now_microseconds
from schemas import codec
from schemas.errors import SettingsError, TransientError
from schemas.events import Event
from streams.cli import options
from streams.cli.dialogue import asked_registry, asked_servers, say
from streams.cli.log import name_refused
from streams.cli.progress import progress_shown
from streams.emission import STANDARD_INPUT, read_emission, read_emission_file
from streams.files import RefusedLine, Source, read_feed
from streams.kafka.emit import Outgoing, records_of, send
from streams.kafka.topics import input_partition_count

_SOME_REFUSED = 1
_INTERRUPTED = 130
_LINES_BETWEEN_TOLD = 1_000

FILES = Annotated[
    list[str],
    typer.Argument(
        help="Events: .jsonl, .csv or a feed.toml, sent in this order; - for JSON lines on standard input.", metavar="FILE..."
    ),
]


class _Read(NamedTuple):
    """What was read: how many records there are for each topic, and the lines that are no events."""

    counts: Counter[str]
    refused: list[RefusedLine]


def emit(
    files: FILES,
    event_type: options.EVENT_TYPE = None,
    activity: options.ACTIVITY = None,
    csv: Annotated[bool, typer.Option("--csv", help="Standard input is CSV; so it is with --type or --activity.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Name the lines that are no events, and send the others.")
    ] = False,
) -> None:
    """Send events to the input topics, and wait until Kafka has them for good.

    All is read before the first event is sent: where a line is no event it is named, and nothing of any file is sent. An event
    without recorded_at is recorded now. To send a file again is harmless: what was accepted before is a duplicate.

    Exit status: 0 when all was sent; 1 when lines were left out by --keep-going; 2 where nothing was sent, or Kafka did not
    take all; 130 when it was interrupted.
    """
    servers = asked_servers()
    sources = list(_sources(files, event_type, activity))
    partition_count = asyncio.run(input_partition_count(bootstrap_servers=servers))
    registry = asked_registry()
    encode = codec.encode if registry is None else registry.encode
    with tempfile.TemporaryFile() as spool:
        events = _events(sources, now=now_microseconds(), is_csv=csv or bool(event_type or activity))
        read = _read_into(spool, events, partition_count=partition_count, encode=encode)
        name_refused(read.refused)
        _refuse(read, files, keep_going=keep_going)
        spool.seek(0)
        _send(spool, read.counts.total(), servers)
    named = ", ".join(f"{topic} {count}" for topic, count in sorted(read.counts.items()))
    say(f"{read.counts.total()} records sent: {named or 'none'}")
    raise typer.Exit(_SOME_REFUSED if read.refused else 0)


def _sources(files: Sequence[str], event_type: str | None, activity: str | None) -> Iterator[Source]:
    if files.count("-") > 1:
        raise SettingsError("standard input was named twice; it can be read once")
    for name in files:
        if name == "-":
            yield Source(STANDARD_INPUT, event_type, activity)
        elif Path(name).suffix.lower() == ".toml":
            yield from read_feed(Path(name)).sources
        else:
            yield Source(Path(name), event_type, activity)


def _events(sources: Iterable[Source], *, now: int, is_csv: bool) -> Iterator[Event | RefusedLine]:
    for source in sources:
        if source.path is STANDARD_INPUT:
            yield from read_emission(source, cast(BufferedReader, sys.stdin.buffer), is_csv=is_csv, now=now)
        else:
            yield from read_emission_file(source, now=now)


def _read_into(
    spool: IO[bytes], events: Iterable[Event | RefusedLine], *, partition_count: int, encode: Callable[[Event], bytes]
) -> _Read:
    """Read everything, and keep the records on disk, since nothing may be sent before the last line is known to be good."""
    read = _Read(Counter(), [])
    try:
        for event in _told(events):
            if isinstance(event, RefusedLine):
                read.refused.append(event)
                continue
            for record in records_of(event, partition_count=partition_count, encode=encode):
                spool.write(msgspec.json.encode(record) + b"\n")
                read.counts[record.topic] += 1
    except KeyboardInterrupt:
        raise _interrupted("nothing was sent") from None
    except OSError as error:
        raise SettingsError(
            f"the records cannot be kept in {tempfile.gettempdir()} until they are sent ({error.strerror}); "
            "TMPDIR names another folder"
        ) from error
    return read


def _told(events: Iterable[Event | RefusedLine]) -> Iterator[Event | RefusedLine]:
    """Pass on what is read, and show how much it is."""
    with progress_shown() as tell:
        for number, event in enumerate(events, 1):
            yield event
            if number % _LINES_BETWEEN_TOLD == 0:
                tell("events read", number, None)


def _refuse(read: _Read, files: Sequence[str], *, keep_going: bool) -> None:
    """Raise SettingsError where nothing is to be sent."""
    count = len(read.refused)
    if count and not keep_going:
        lines = "1 line is no event" if count == 1 else f"{count} lines are no events"
        raise SettingsError(f"{lines}, so nothing was sent; repair them, or send the others with --keep-going")
    if not read.counts and not count:
        raise SettingsError(f"there is no event in {', '.join(files)}")


def _send(spool: IO[bytes], total: int, servers: Brokers) -> None:
    """Send what was kept; whatever ends it before its end, say how far it was."""
    acknowledged = 0
    records = (msgspec.json.decode(line, type=Outgoing) for line in spool)
    try:
        with progress_shown() as tell:

            def on_acknowledged(count: int) -> None:
                nonlocal acknowledged
                acknowledged += count
                tell("records acknowledged", acknowledged, total)

            asyncio.run(send(records, bootstrap_servers=servers, on_acknowledged=on_acknowledged))
    except TransientError as error:
        raise TransientError(f"{error}; {_how_far(acknowledged, total)}") from error
    except KeyboardInterrupt:
        raise _interrupted(_how_far(acknowledged, total)) from None


def _interrupted(how_far: str) -> typer.Exit:
    sys.stderr.write(f"credits: interrupted; {how_far}\n")
    return typer.Exit(_INTERRUPTED)


def _how_far(acknowledged: int, total: int) -> str:
    return f"{acknowledged} of {total} records were acknowledged by then; send all of it again: copies change nothing"
