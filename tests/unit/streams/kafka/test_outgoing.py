"""Records on their way into the input topics: of an event, and of a dead letter that is sent again."""

import pytest

from projections.rows import DeadLetterRow
from schemas import codec, topics
from schemas.checks import ACCEPTANCE_WINDOW
from schemas.events import CreditConsumed, CreditVoided, Other, TimeAdvanced, key_of
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, parse_instant
from schemas.reading import hop_header, read_record
from schemas.records import Place, RawRecord
from schemas.refusals import Reason
from streams.kafka.dead_letters import DeadLetter, replay_of
from streams.kafka.emit import Outgoing, records_of

COUNT = 8
NOW = parse_instant("2026-05-15T12:00:00.000789Z")
REFUSED = parse_instant("2026-03-02T00:00:00Z")
VOID = CreditVoided("v1", "o1", "c1", REFUSED, REFUSED, None, "g1", None)
HOME = topics.partition_of(b"o1|c1", partition_count=COUNT)


def raw(record: Outgoing) -> RawRecord:
    return RawRecord(record.topic, record.partition, 0, record.timestamp * 1000, record.key, record.value, record.headers)


def test_an_event_is_one_record_where_its_key_belongs():
    """It is dated by when it was recorded, and read back as the event that it is."""
    (record,) = records_of(VOID._replace(recorded_at=NOW), partition_count=COUNT)
    assert (record.topic, record.partition, record.key, record.timestamp) == (topics.VOIDS, HOME, b"o1|c1", NOW // 1000)
    assert read_record(raw(record), partition_count=COUNT).content == VOID._replace(recorded_at=NOW)


def test_time_is_a_record_without_key_in_every_partition_of_every_topic_with_a_clock():
    """It is dated by what it says."""
    event = TimeAdvanced(NOW, NOW - ACCEPTANCE_WINDOW)
    records = list(records_of(event, partition_count=3))
    assert [(record.topic, record.partition) for record in records] == [
        (topic, number) for topic in topics.CLOCKED_TOPICS for number in range(3)
    ]
    assert {(record.key, record.timestamp) for record in records} == {(None, NOW // 1000)}
    assert all(read_record(raw(record), partition_count=3).content == event for record in records)


def letter(reason: Reason, *, event=VOID, **different) -> DeadLetter:
    row = DeadLetterRow(topics.VOIDS, 1, 17, reason.value, "f", "d", REFUSED, key_of(event), codec.encode(event), ())
    return DeadLetter(row._replace(**different), REFUSED)


def test_a_dead_letter_is_sent_again_as_it_came_to_where_its_key_belongs():
    """Key, value, timestamp and headers are the same, but for the header of a hop, with which it would be refused again."""
    headers = (("trace", b"\xff"), hop_header(Place(topics.VOIDS, 1, 17)), ("trace", b""))
    replay = replay_of(letter(Reason.WRONG_KEY, headers=headers), now=NOW, partition_count=COUNT)
    assert replay.record == Outgoing(
        topics.VOIDS, HOME, b"o1|c1", codec.encode(VOID), REFUSED // 1000, (("trace", b"\xff"), ("trace", b""))
    )
    assert replay.refusal is None


def test_a_dead_letter_without_key_goes_to_its_own_partition():
    """Nothing says where else it belongs."""
    replay = replay_of(letter(Reason.UNDECODABLE, key=None, value=b"?"), now=NOW, partition_count=COUNT)
    assert replay.record.partition == 1
    assert replay.refusal.reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (Reason.TOO_EARLY, VOID._replace(occurred_at=REFUSED + 401 * MICROSECONDS_PER_DAY)),
        (Reason.INVALID, VOID._replace(recorded_at=REFUSED + 2 * MICROSECONDS_PER_HOUR)),
    ],
)
def test_a_record_that_was_refused_for_its_timestamp_is_dated_now(reason, event):
    """What lay too far ahead of its timestamp then may not lie too far ahead now."""
    replay = replay_of(letter(reason, event=event), now=NOW, partition_count=COUNT)
    assert replay.record.timestamp == NOW // 1000
    assert replay.refusal is None


def test_a_record_that_would_be_refused_again_says_so_and_keeps_its_timestamp():
    """As far as it can be told without the books: what it says, its key, and that time only moves forward."""
    consumed = CreditConsumed("e", "o1", "c1", REFUSED, REFUSED, None, "coins", 0, Other("x"), None, None)
    for reason, different in (
        (Reason.INVALID, {"topic": topics.CONSUMPTION, "value": codec.encode(consumed)}),
        (Reason.WRONG_KEY, {"key": b"o1|c2"}),
        (Reason.TOO_LATE, {}),
    ):
        replay = replay_of(letter(reason, **different), now=NOW, partition_count=COUNT)
        assert replay.refusal.reason is reason
        assert replay.record.timestamp == REFUSED // 1000
    assert replay_of(letter(Reason.EVENT_CONFLICT), now=NOW, partition_count=COUNT).refusal is None
