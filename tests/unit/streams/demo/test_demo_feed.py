"""The demo feed: always the same for its seed, and every record comes to what the feed says of it."""

from collections import Counter
from functools import cache

import pytest

from plain_model import derive
from projections.fold import fold
from schemas.instants import MICROSECONDS_PER_DAY, parse_instant
from streams.demo.accounting import differences
from streams.demo.feed import RECORDS_MIN, Feed, begin_of, make_feed
from streams.demo.outcomes import MEANINGS, Outcome
from streams.demo.sending import expected_first
from tests.support.demo_topics import CATALOG, DemoTopics

ANCHOR = parse_instant("2026-11-25T13:00:00Z")
PARTITION_COUNT = 4
COPIED = (Outcome.DUPLICATE, Outcome.TOO_LATE)
"""Of these some are the bytes of an earlier record, with its timestamp."""


@cache
def feed_of(record_count: int, *, seed: int = 1) -> Feed:
    return make_feed(anchor=ANCHOR, seed=seed, record_count=record_count, partition_count=PARTITION_COUNT)


@cache
def topics_after_one_run(record_count: int) -> DemoTopics:
    topics = DemoTopics(partition_count=PARTITION_COUNT)
    topics.run(feed_of(record_count))
    return topics


def test_the_same_seed_gives_the_same_bytes():
    """Two feeds of one seed are equal; those of another seed, anchor or number of partitions are not."""
    given = {"anchor": ANCHOR, "seed": 1, "record_count": 500, "partition_count": PARTITION_COUNT}
    feed = feed_of(500)
    assert make_feed(**given) == feed
    others = [{"seed": 2}, {"anchor": ANCHOR + 3_600_000_000}, {"record_count": 501}, {"partition_count": 5}]
    fingerprints = {make_feed(**given | other).fingerprint() for other in others}
    assert len(fingerprints | {feed.fingerprint()}) == 1 + len(others)


@pytest.mark.parametrize("record_count", [RECORDS_MIN, 500, 5_000])
def test_every_record_comes_to_its_outcome(record_count):
    """There are as many records as were asked for, each outcome is reached, and a fold gives each record the outcome it has."""
    feed, topics = feed_of(record_count), topics_after_one_run(record_count)
    assert [record.number for record in feed.records] == list(range(record_count))
    expected = expected_first(feed)
    assert set(expected.values()) == set(Outcome)
    answers = topics.answers()
    assert list(differences(feed.records, expected, answers.first())) == []
    assert answers.duplicates == topics.folded().duplicates == Counter(expected.values())[Outcome.DUPLICATE]


@pytest.mark.parametrize("seed", range(20))
def test_every_outcome_is_reached_and_true_for_any_seed(seed):
    """Chance never lets an outcome go, nor a record come to another one, also in the smallest feed."""
    feed, topics = feed_of(RECORDS_MIN, seed=seed), DemoTopics(partition_count=PARTITION_COUNT)
    topics.run(feed)
    assert set(expected_first(feed).values()) == set(Outcome)
    assert list(differences(feed.records, expected_first(feed), topics.answers().first())) == []


def test_the_plain_model_comes_to_the_same_books():
    """The ledger told a second time by the plainest arithmetic agrees about the feed in every list."""
    records = topics_after_one_run(500).records
    assert derive(records, catalog=CATALOG) == fold(records, catalog=CATALOG)


def test_the_feed_runs_through_four_months_up_to_its_anchor():
    """The history is told in order from the first day on, the tail in the last day before the anchor."""
    feed = feed_of(500)
    assert begin_of(ANCHOR) == parse_instant("2026-07-25T00:00:00Z")
    assert begin_of(parse_instant("2027-02-28T09:00:00Z")) == parse_instant("2026-10-28T00:00:00Z")
    assert begin_of(parse_instant("2026-12-31T09:00:00Z")) == parse_instant("2026-08-28T00:00:00Z")
    history = [record.outgoing.timestamp * 1_000 for record in feed.history]
    tail = [record.outgoing.timestamp * 1_000 for record in feed.tail if record.outcome not in COPIED]
    assert min(history) == begin_of(ANCHOR)
    assert max(history) <= ANCHOR - MICROSECONDS_PER_DAY
    assert tail == sorted(tail)
    assert ANCHOR - MICROSECONDS_PER_DAY < tail[0] < tail[-1] <= ANCHOR
    assert feed.opening.as_of == ANCHOR
    assert feed.accept_from == parse_instant("2026-09-24T00:00:00Z")


def test_customers_have_sensible_books():
    """Most accounts have something left, some are in overage, and each of the four organizations has customers."""
    balances = fold(topics_after_one_run(5_000).records, catalog=CATALOG)["balances"]
    with_credits = [one for one in balances if float(one["balance"]) > 0]
    assert len(with_credits) > 0.7 * len(balances)
    assert any(float(one["overage"]) > 0 for one in balances)
    assert len({one["organization_id"] for one in balances}) == 4


def test_every_outcome_is_told_in_words():
    """The account explains each outcome that it lists."""
    assert set(MEANINGS) == set(Outcome)
