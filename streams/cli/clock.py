"""`credits clock`: whether history settles, and how far time has come."""

import asyncio
import getpass
import os
import socket

import typer

from creditstream.connection import Connection
from creditstream.wall_clock import now_microseconds
from schemas.instants import format_instant
from streams.cli.dialogue import YES, asked_names, asked_servers, confirm, say
from streams.cli.tables import Entry, console_for_people, print_table, shown_instant, text
from streams.kafka.clocks import LOOKED_BACK, NumberClock, read_clocks
from streams.kafka.control import Settlement, read_settlement, say_settlement

_DECLINED = 1

_WHAT_OPENING_MEANS = (
    "Once it is open, each time that a worker says the time, everything before the start of the day 62 days ago is settled: it "
    "cannot be reached any more, since events from before are refused as too_late. Holding the clock keeps more from being "
    "settled; nothing takes back what is. Open it when all of history has been loaded ('credits wait' says when)."
)

clock = typer.Typer(
    help="Say whether history settles (docs/ledger.md 2), and see how far time has come.", rich_markup_mode=None
)


@clock.callback()
def group() -> None:
    """Say whether history settles (docs/ledger.md 2), and see how far time has come."""


@clock.command()
def status() -> None:
    """Show whether history settles, and the clock and the boundary of each partition number.

    Exit status: 0; 2 where Kafka does not answer or the topics are missing.
    """
    servers = asked_servers()
    settlement, clocks = asyncio.run(read_settlement(servers)), asyncio.run(read_clocks(servers, registry=asked_names()))
    say(sentence_of(settlement))
    print_table(console_for_people(), "", _COLUMNS, [_entry_of(one) for one in clocks])
    if any(one.clock is None or one.boundary is None for one in clocks):
        say(f"not found: not said in the last {LOOKED_BACK:,} records of the topics with a clock; a boundary needs all three")


@clock.command(name="open")
def open_clock(yes: YES = False) -> None:
    """Let history settle from now on: what lies more than 62 days back is final and cannot be reached any more.

    Exit status: 0 when it was said; 1 when the question was answered with no; 2 where it could not be said.
    """
    servers = asked_servers()
    if not yes and not confirm(f"{_WHAT_OPENING_MEANS}\nLet history settle?"):
        say("nothing was said; the clock stays as it was")
        raise typer.Exit(_DECLINED)
    _say(servers, is_open=True)


@clock.command()
def hold() -> None:
    """Let no more history settle: the boundary stands still, and whatever lies after it is accepted, however old.

    Exit status: 0 when it was said; 2 where it could not be said.
    """
    _say(asked_servers(), is_open=False)


def sentence_of(settlement: Settlement) -> str:
    """Say how settlement stands."""
    if settlement.since is None:
        return "History does not settle: nobody has opened the clock yet ('credits clock open')."
    what = "History settles" if settlement.is_open else "History does not settle: the clock is held"
    return f"{what} since {format_instant(settlement.since)}, as {settlement.by} said."


def _say(servers: Connection, *, is_open: bool) -> None:
    settlement = Settlement(is_open, now_microseconds(), _who())
    asyncio.run(say_settlement(servers, settlement))
    say(f"{sentence_of(settlement)} Workers heed it the next time that they say the time: at their start, and every full hour.")


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as containers have
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _found(at: int | None) -> str:
    return "not found" if at is None else shown_instant(format_instant(at))


def _entry_of(one: NumberClock) -> Entry:
    return {"number": one.number, "clock": _found(one.clock), "boundary": _found(one.boundary)}


_COLUMNS = (text("partition number", "number"), text("clock", "clock"), text("boundary", "boundary"))
