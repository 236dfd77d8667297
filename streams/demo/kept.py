"""What a data folder was filled with: the anchor, seed and size of its feed, kept from the first run of the demo to the next.

The anchor is the start of the hour in which the first run began. It is used again, so that a later run makes the same records.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.errors import SettingsError
from schemas.instants import MICROSECONDS_PER_HOUR, format_instant, parse_instant
from streams.demo.feed import Feed
from streams.embedded.kept_files import write_whole

DEFAULT_COUNT = 50_000
DEFAULT_SEED = 1
_FILE = "feed.json"


class Chosen(NamedTuple):
    """Which feed a run of the demo is about; `fingerprint` is that of the run before, None for the first one.

    `anchor` is in UTC microseconds.
    """

    anchor: int
    seed: int
    record_count: int
    fingerprint: str | None


class _Kept(msgspec.Struct):
    anchor: str
    seed: int
    events: int
    fingerprint: str


def choose_feed(folder: Path, *, record_count: int | None, seed: int | None, now: int) -> Chosen:
    """Give the feed of a data folder; for an empty one, one that ends with the hour that `now` (UTC microseconds) lies in.

    `record_count` and `seed` are those that were asked for; None takes what the folder has. Raises SettingsError where the
    folder has another feed than was asked for, or where what is kept of it cannot be read.
    """
    kept = _read(folder)
    if kept is None:
        anchor = now - now % MICROSECONDS_PER_HOUR
        return Chosen(anchor, DEFAULT_SEED if seed is None else seed, record_count or DEFAULT_COUNT, None)
    if record_count not in {None, kept.events} or seed not in {None, kept.seed}:
        raise SettingsError(
            f"{folder} was filled with the feed of --events {kept.events} --seed {kept.seed}; ask for that one, choose another "
            "folder with --data, or remove this one"
        )
    anchored = parse_instant(kept.anchor)
    if anchored is None:
        raise _unreadable(folder, f"{kept.anchor!r} is no instant")
    return Chosen(anchored, kept.seed, kept.events, kept.fingerprint)


def keep_feed(folder: Path, chosen: Chosen, feed: Feed) -> None:
    """Keep what a data folder is filled with, before the first record is sent.

    Raises SettingsError where it was filled with other records, as another release or number of partitions makes them.
    """
    fingerprint = feed.fingerprint()
    if chosen.fingerprint not in {None, fingerprint}:
        raise SettingsError(
            f"{folder} was filled with a feed that this release, or this CREDITS_PARTITION_COUNT, makes otherwise; choose "
            "another folder with --data, or remove this one"
        )
    kept = _Kept(format_instant(chosen.anchor), chosen.seed, chosen.record_count, fingerprint)
    write_whole(folder / _FILE, msgspec.json.encode(kept))


def _read(folder: Path) -> _Kept | None:
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=_Kept)
    except (FileNotFoundError, NotADirectoryError):  # of a folder that cannot be used, more is said where it is made
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise _unreadable(folder, str(error)) from error


def _unreadable(folder: Path, why: str) -> SettingsError:
    return SettingsError(
        f"{folder / _FILE}, which tells what the folder was filled with, cannot be read ({why}); remove the folder, or choose "
        "another with --data"
    )
