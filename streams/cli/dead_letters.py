"""`credits dead-letters`: what was refused and why, and sending it again."""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated

import typer

from creditstream.connection import Connection
from creditstream.wall_clock import now_microseconds
from projections.rows import DeadLetterRow
from schemas.errors import SettingsError, TransientError
from schemas.instants import MICROSECONDS_PER_MILLISECOND, format_instant, from_milliseconds
from schemas.records import Place
from schemas.refusals import Reason
from schemas.topics import INPUT_TOPICS
from streams.cli import options
from streams.cli.dead_letter_text import event_of, lines_of, object_of
from streams.cli.dialogue import YES, asked_names, asked_servers, confirm, say
from streams.cli.tables import Entry, console_for_people, instant, print_table, text
from streams.kafka.dead_letters import DeadLetter, Replay, read_dead_letters, replay_of
from streams.kafka.emit import send
from streams.kafka.topics import input_partition_count

_DECLINED = 1
_SHOWN_MAX = 20
_PLACE = re.compile(r"([^/\s]+)/([0-9]{1,10})/([0-9]{1,19})", re.ASCII)

dead_letters = typer.Typer(help="Look at the records that were refused, and send them again.", rich_markup_mode=None)

REASON = Annotated[Reason | None, typer.Option(help="Only what was refused for this reason.")]
TOPIC = Annotated[
    str | None, typer.Option(help="Only what was refused on this topic, such as credits.grants.", metavar="TOPIC")
]
SINCE = Annotated[str | None, typer.Option(help="Only what was refused at this instant or later.", metavar="T")]
LIMIT = Annotated[int, typer.Option(help="Show so many at most, the newest.", min=1, metavar="N")]
PLACES = Annotated[
    list[str] | None,
    typer.Argument(help="Where refused records lay first, as the list names them.", metavar="TOPIC/PARTITION/OFFSET"),
]


@dead_letters.callback()
def group() -> None:
    """Look at the records that were refused, and send them again."""


@dead_letters.command(name="list")
def list_letters(
    reason: REASON = None, topic: TOPIC = None, since: SINCE = None, limit: LIMIT = 50, as_json: options.JSON = False
) -> None:
    """List what was refused, the newest at the end.

    Exit status: 0, also where there is nothing; 2 for wrong use, or where Kafka does not answer.
    """
    if topic is not None and topic not in INPUT_TOPICS:
        raise SettingsError(f"--topic is {topic!r}; it must be one of {', '.join(INPUT_TOPICS)}")
    letters = _read(
        since=options.read_instant("--since", since),
        is_wanted=lambda row: reason in (None, row.reason) and topic in (None, row.topic),
    )
    shown = letters[-limit:]
    if as_json:
        registry = asked_names()
        json.dump([object_of(letter, registry=registry) for letter in shown], sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
        return
    if shown:
        print_table(console_for_people(), "", _LIST_COLUMNS, [_entry_of(letter) for letter in shown])
    counts = Counter(letter.row.reason for letter in letters)
    named = "".join(f", {count} {reason}" for reason, count in sorted(counts.items()))
    more = "; --limit shows more" if len(shown) < len(letters) else ""
    say(f"{len(shown)} of {len(letters)} dead letters{named}{more}")


@dead_letters.command()
def show(
    place: Annotated[str, typer.Argument(help="Where the refused record lay first.", metavar="TOPIC/PARTITION/OFFSET")],
) -> None:
    """Show one refused record: why it was refused, and all that it carried, as an event where it can be read, else as bytes.

    Exit status: 0; 2 where no dead letter is of this place, or Kafka does not answer.
    """
    [letter] = _of_places([place])
    for line in lines_of(letter, registry=asked_names()):
        say(line)


@dead_letters.command()
def replay(places: PLACES = None, reason: REASON = None, yes: YES = False) -> None:
    """Send refused records again, as they came: key, value and headers, to the partition where the key belongs.

    A record keeps its timestamp, unless it was refused for that: then it is now. With --reason, those are left out that would
    be refused again as they stand; a record that is named by its place is sent all the same. The dead letter stays: it says
    what happened.

    Exit status: 0 when all was sent; 1 when the question was answered with no; 2 where nothing was to be sent, or Kafka did not
    take all.
    """
    servers = asked_servers()
    if bool(places) == (reason is not None):
        raise SettingsError("say what to send again: either places such as credits.grants/0/17, or one --reason")
    letters = _of_places(places) if places else _read(since=None, is_wanted=lambda row: row.reason == reason)
    partition_count = asyncio.run(input_partition_count(bootstrap_servers=servers))
    now, registry = now_microseconds(), asked_names()
    replays = [(letter, replay_of(letter, now=now, partition_count=partition_count, registry=registry)) for letter in letters]
    wanted = [pair for pair in replays if places or pair[1].refusal is None]
    _show_replays(replays, left_out=len(replays) - len(wanted), registry=registry)
    if not wanted:
        raise SettingsError(f"nothing was sent: no record that was refused as {reason} would be taken now")
    if not yes and not confirm(f"Send {len(wanted)} of {len(replays)} records again?"):
        say("nothing was sent")
        raise typer.Exit(_DECLINED)
    _send([replay for _, replay in wanted], servers)


def _read(*, since: int | None, is_wanted: Callable[[DeadLetterRow], bool]) -> list[DeadLetter]:
    return asyncio.run(read_dead_letters(bootstrap_servers=asked_servers(), since=since, is_wanted=is_wanted))


def _of_places(texts: Sequence[str]) -> list[DeadLetter]:
    """Read the dead letters of some places; raises SettingsError naming a place of which there is none."""
    asked = {_place_of(written): written for written in texts}
    letters = _read(since=None, is_wanted=lambda row: Place(row.topic, row.partition, row.offset) in asked)
    missing = asked.keys() - {letter.place for letter in letters}
    if missing:
        named = ", ".join(asked[place] for place in sorted(missing))
        raise SettingsError(f"there is no dead letter of {named}; 'credits dead-letters list' names those that there are")
    return letters


def _place_of(written: str) -> Place:
    match = _PLACE.fullmatch(written)
    if match is None:
        raise SettingsError(f"{written!r} is no place; it must be such as credits.grants/0/17: topic, partition, offset")
    return Place(match[1], int(match[2]), int(match[3]))


def _show_replays(replays: Sequence[tuple[DeadLetter, Replay]], *, left_out: int, registry: Mapping[int, str]) -> None:
    if replays:
        print_table(
            console_for_people(), "", _REPLAY_COLUMNS, [_replay_entry(*pair, registry) for pair in replays[:_SHOWN_MAX]]
        )
    if len(replays) > _SHOWN_MAX:
        say(f"... and {len(replays) - _SHOWN_MAX} more")
    if left_out:
        say(f"{left_out} of them would be refused again, and are left out")


def _send(replays: Sequence[Replay], servers: Connection) -> None:
    acknowledged: list[int] = []
    records = [replay.record for replay in replays]
    try:
        asyncio.run(send(records, bootstrap_servers=servers, on_acknowledged=acknowledged.append))
    except TransientError as error:
        raise TransientError(f"{error}; {sum(acknowledged)} of {len(records)} records were acknowledged by then") from error
    counts = Counter(record.topic for record in records)
    named = ", ".join(f"{topic} {count}" for topic, count in sorted(counts.items()))
    say(f"{len(records)} records sent again: {named}. Their dead letters stay; one that is refused again gets a new one.")


_LIST_COLUMNS = (
    instant("refused", "refused"),
    text("place", "place"),
    text("reason", "reason"),
    text("field", "field"),
    text("detail", "detail"),
)
_REPLAY_COLUMNS = (
    text("place", "place"),
    text("refused as", "reason"),
    text("event", "event"),
    text("goes to", "to"),
    text("timestamp", "timestamp"),
    text("would be refused again", "again"),
)


def _entry_of(letter: DeadLetter) -> Entry:
    return {
        "refused": format_instant(letter.refused_at),
        "place": _written(letter.place),
        "reason": letter.row.reason,
        "field": letter.row.field,
        "detail": letter.row.detail,
    }


def _replay_entry(letter: DeadLetter, replay: Replay, registry: Mapping[int, str]) -> Entry:
    event, record = event_of(letter.row.value, registry=registry), replay.record
    is_kept = record.timestamp == letter.row.timestamp // MICROSECONDS_PER_MILLISECOND
    return {
        "place": _written(letter.place),
        "reason": letter.row.reason,
        "event": "cannot be read" if event is None else " ".join(_named(event.get(name) for name in ("type", "event_id"))),
        "to": f"{record.topic}/{record.partition}",
        "timestamp": "kept" if is_kept else f"now, {format_instant(from_milliseconds(record.timestamp))}",
        "again": replay.refusal and " ".join(_named((f"{replay.refusal.reason}:", *replay.refusal[1:]))),
    }


def _named(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values if value is not None]


def _written(place: Place) -> str:
    return f"{place.topic}/{place.partition}/{place.offset}"
