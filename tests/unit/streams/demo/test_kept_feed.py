"""What a data folder keeps of its feed from one run to the next."""

import pytest

from schemas.errors import SettingsError
from schemas.instants import parse_instant
from streams.demo.feed import make_feed
from streams.demo.kept import DEFAULT_COUNT, DEFAULT_SEED, choose_feed, keep_feed

NOW = parse_instant("2026-11-25T13:14:15Z")
LATER = parse_instant("2027-03-01T00:00:00Z")
HOUR = parse_instant("2026-11-25T13:00:00Z")


def kept(folder, *, partition_count: int = 4) -> None:
    chosen = choose_feed(folder, record_count=300, seed=5, now=NOW)
    feed = make_feed(anchor=chosen.anchor, seed=5, record_count=300, partition_count=partition_count)
    keep_feed(folder, chosen, feed)


def test_a_new_folder_takes_the_hour_that_it_is(tmp_path):
    """The anchor is the start of the hour; size and seed are the usual ones unless others are asked for."""
    assert choose_feed(tmp_path, record_count=None, seed=None, now=NOW) == (HOUR, DEFAULT_SEED, DEFAULT_COUNT, None)
    assert choose_feed(tmp_path / "none", record_count=300, seed=0, now=NOW) == (HOUR, 0, 300, None)


def test_a_filled_folder_keeps_its_feed(tmp_path):
    """A later run takes anchor, size and seed of the first, whether it asks for them or for nothing."""
    kept(tmp_path)
    for asked in ({"record_count": None, "seed": None}, {"record_count": 300, "seed": 5}, {"record_count": None, "seed": 5}):
        chosen = choose_feed(tmp_path, **asked, now=LATER)
        assert chosen[:3] == (HOUR, 5, 300)
    kept(tmp_path)  # the same feed may be kept again


@pytest.mark.parametrize("asked", [{"record_count": 301, "seed": None}, {"record_count": None, "seed": 0}])
def test_another_feed_is_refused(asked, tmp_path):
    """The sentence says what the folder has and what can be done."""
    kept(tmp_path)
    with pytest.raises(SettingsError) as raised:
        choose_feed(tmp_path, **asked, now=LATER)
    assert str(raised.value) == (
        f"{tmp_path} was filled with the feed of --events 300 --seed 5; ask for that one, choose another folder with "
        "--data, or remove this one"
    )


def test_a_feed_that_is_made_otherwise_is_refused(tmp_path):
    """Records that differ from those that were sent, for whatever reason, are never sent into the same folder."""
    kept(tmp_path)
    with pytest.raises(SettingsError, match="makes otherwise; choose another folder with --data, or remove this one"):
        kept(tmp_path, partition_count=5)


@pytest.mark.parametrize("content", ["", "{}", '{"anchor": "now", "seed": 1, "events": 300, "fingerprint": "f"}'])
def test_what_cannot_be_read_is_refused(content, tmp_path):
    """The sentence names the file."""
    (tmp_path / "feed.json").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        choose_feed(tmp_path, record_count=None, seed=None, now=NOW)
    assert str(raised.value).startswith(
        f"{tmp_path / 'feed.json'}, which tells what the folder was filled with, cannot be read ("
    )
