"""Runs of the demo one after another: what a later run sends, and that the books stay as they are."""

import pytest

from projections.fold import fold
from schemas.errors import InvariantViolation
from schemas.instants import parse_instant
from streams.cli.demo_account import check_account
from streams.cli.demo_books import fingerprint
from streams.demo.accounting import Answers, answers_of
from streams.demo.feed import make_feed
from streams.demo.outcomes import Outcome
from streams.demo.sending import expected_now
from tests.support.demo_topics import CATALOG, DemoTopics

PARTITION_COUNT = 4
FEED = make_feed(anchor=parse_instant("2026-11-25T13:00:00Z"), seed=7, record_count=400, partition_count=PARTITION_COUNT)
OPENING_COUNT = 3 * PARTITION_COUNT
SENT_BY_ONE_RUN = len(FEED.records) + OPENING_COUNT


def books_of(topics: DemoTopics) -> str:
    return fingerprint(fold(topics.records, catalog=CATALOG))


def test_a_second_run_is_known_and_changes_nothing():
    """It sends all that the ledger still remembers, each comes to what it should, and the books have the same fingerprint."""
    topics = DemoTopics(partition_count=PARTITION_COUNT)
    topics.run(FEED)
    before = books_of(topics)
    lying, sending = topics.run(FEED)
    answers = topics.answers()
    check_account(FEED, sending, lying, answers)
    assert books_of(topics) == before
    assert lying.numbers == {record.number for record in FEED.records}
    assert len(sending.after) + len(sending.left) == len(FEED.records)
    assert sending.left
    found = set(answers.since(lying.ends).values())
    # The one contradiction of an event in so small a feed is from the time that is closed.
    assert found | {Outcome.EVENT_CONFLICT} == {outcome for outcome in Outcome if outcome.when_known() is outcome}


def test_what_is_left_alone_would_be_too_late_now():
    """Sent all the same, each record that a second run leaves alone is refused as too late."""
    topics = DemoTopics(partition_count=PARTITION_COUNT)
    topics.run(FEED)
    lying, sending = topics.run(FEED)
    lying = topics.look(FEED)
    topics.send(record.outgoing for record in sending.left)
    topics.apply()
    assert set(topics.answers().since(lying.ends).values()) == {Outcome.TOO_LATE}


@pytest.mark.parametrize("sent_on", ["all at once", "when the next run begins"])
@pytest.mark.parametrize(
    "sent_count",
    [
        0,
        1,
        100,
        len(FEED.history) - 1,
        len(FEED.history),
        len(FEED.history) + 1,
        len(FEED.history) + OPENING_COUNT - 1,
        len(FEED.history) + OPENING_COUNT,
        len(FEED.history) + OPENING_COUNT + 20,
        SENT_BY_ONE_RUN - 1,
    ],
)
def test_a_run_after_one_that_was_broken_off_completes_it(sent_count, sent_on):
    """Wherever the first run ended, the second comes to the books of a run that was not disturbed, and accounts for all."""
    undisturbed, topics = DemoTopics(partition_count=PARTITION_COUNT), DemoTopics(partition_count=PARTITION_COUNT)
    undisturbed.run(FEED)
    for number, step in enumerate(topics.steps(FEED)):
        if number == sent_count:
            break
        topics.send([step])
    if sent_on == "all at once":
        topics.apply()
    lying, sending = topics.run(FEED)
    check_account(FEED, sending, lying, topics.answers())
    assert books_of(topics) == books_of(undisturbed)
    assert len(lying.numbers) == min(sent_count, len(FEED.history)) + max(0, sent_count - len(FEED.history) - OPENING_COUNT)


def test_what_is_not_accounted_for_is_named():
    """A record that became something else, and one that is missing, are named with what they should be."""
    topics = DemoTopics(partition_count=PARTITION_COUNT)
    lying, sending = topics.run(FEED)
    answers = topics.answers()
    wrong = [
        answer._replace(outcome=Outcome.TOO_EARLY) if answer.number == 50 else answer
        for answer in answers.deliveries
        if answer.number != 60
    ]
    with pytest.raises(InvariantViolation) as raised:
        check_account(FEED, sending, lying, Answers(tuple(wrong), answers.duplicates))
    sentence = str(raised.value)
    now = expected_now(sending, lying)
    assert sentence.startswith("the feed is not accounted for: record 50 of credits.")
    assert f"is too_early and should be {now[50].value}; record 60 of " in sentence
    assert f"is not there and should be {now[60].value}; " in sentence
    assert sentence.endswith("and 1 more")


def test_a_dead_letter_that_is_missing_is_named():
    """A record that nobody can read is never taken for accepted."""
    topics = DemoTopics(partition_count=PARTITION_COUNT)
    topics.run(FEED)
    with pytest.raises(InvariantViolation, match="can be no event, and there is no dead letter of it"):
        answers_of(topics.records, dead_letters=(), conflicts=())
