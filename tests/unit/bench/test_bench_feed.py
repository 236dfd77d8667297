"""The benchmark's feed: the same for the same seed, and every record of it is what it claims to be."""

from collections import Counter

import pytest

from bench.contenders import CATALOG
from bench.feed import Feed, make_feed
from bench.run import consumption_count
from projections.books import Books
from projections.state import MemoryState
from schemas.catalog import parse_catalog
from schemas.instants import from_milliseconds
from schemas.reading import read_record
from schemas.records import RawRecord

PARTITION_COUNT = 4
EVENT_COUNT = 600


@pytest.fixture(scope="module")
def feed() -> Feed:
    """Give a small feed."""
    return make_feed(seed=7, event_count=EVENT_COUNT, partition_count=PARTITION_COUNT)


def test_the_same_seed_gives_the_same_records(feed):
    """Two runs with one seed are fed byte for byte the same; another seed gives other events."""
    assert make_feed(seed=7, event_count=EVENT_COUNT, partition_count=PARTITION_COUNT) == feed
    assert make_feed(seed=8, event_count=EVENT_COUNT, partition_count=PARTITION_COUNT).body != feed.body


def test_every_event_is_accepted_or_a_second_delivery(feed):
    """The books refuse nothing, send nothing on, and find exactly the duplicates that the feed says it holds."""
    catalog = parse_catalog(CATALOG.read_text(encoding="utf-8"))
    books = [Books(MemoryState(), catalog=catalog) for _ in range(PARTITION_COUNT)]
    totals: Counter[str] = Counter()
    for offset, record in enumerate((*feed.opening, *feed.body)):
        timestamp = from_milliseconds(record.timestamp)
        raw = RawRecord(record.topic, record.partition, offset, timestamp, record.key, record.value, ())
        applied = books[record.partition].apply([read_record(raw, partition_count=PARTITION_COUNT)])
        totals.update(accepted=applied.accepted, duplicates=applied.duplicates, refused=applied.refused)
        assert applied.reroutes == ()
    assert len(feed.body) == EVENT_COUNT
    assert totals["refused"] == 0
    assert totals["duplicates"] == feed.counts["duplicate"] > 0
    assert totals["accepted"] == len(feed.opening) + EVENT_COUNT - feed.counts["duplicate"]


def test_the_mix_is_told(feed):
    """Every record of the body is counted under its type, late ones and accounts beside it."""
    marks = {"account", "duplicate", "late"}
    assert sum(count for name, count in feed.counts.items() if name not in marks) == EVENT_COUNT
    assert feed.counts["account"] >= 2_000
    assert feed.counts["late"] > 0


def test_different_consumption_is_counted_once(feed):
    """A second delivery is no second consumption, and what is no consumption does not count."""
    consumed = consumption_count(feed.body)
    assert consumption_count((*feed.body, *feed.body, *feed.opening)) == consumed
    assert feed.counts["CreditConsumed"] - feed.counts["duplicate"] <= consumed <= feed.counts["CreditConsumed"]
