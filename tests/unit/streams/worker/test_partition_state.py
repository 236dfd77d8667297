"""What is applied and what is committed: three layers, one transaction at a time, every row once in it."""

import msgspec
import pytest

from projections.row_codec import decode_change
from schemas import codec, topics
from schemas.catalog import parse_catalog
from schemas.errors import InvariantViolation, SettingsError
from schemas.events import Booking, CreditConsumed, key_of
from schemas.records import RawRecord
from streams.kafka.topics import CHANGELOG
from streams.turns import finished
from streams.worker.batches import Batch, Gap, Wanted
from streams.worker.partition_state import PartitionState, revision_of
from streams.worker.store import StoreMark, StoreMemory, open_store
from streams.worker.worker_keys import COMMIT, LAYOUT, Commit, check_identity, read_commit, read_layout, read_position

CATALOG = parse_catalog("[credit_types.coins]")
NOON = 1_772_366_400_000_000
PARTITION_COUNT = 4


def raw(offset, *, event_id="e1", customer_id="c1", number=None):
    event = CreditConsumed(
        event_id, "o1", customer_id, NOON, NOON, None, "coins", 1_000_000, Booking("b", None, None), None, None
    )
    key = key_of(event)
    home = topics.partition_of(key, partition_count=PARTITION_COUNT)
    number = home if number is None else number
    return RawRecord(topics.CONSUMPTION, number, offset, NOON, key, codec.encode(event), (("trace", b"7"),))


HOME = raw(0).partition


def batch(begin, end, *records):
    return Batch(Wanted(topics.CONSUMPTION, HOME, epoch=1), begin, end, records)


@pytest.fixture
def committed(tmp_path):
    """Give an empty local store."""
    store, _ = open_store(tmp_path / "store", StoreMemory(cache_bytes=8 << 20, write_bytes=8 << 20), now=NOON)
    yield store
    store.close()


@pytest.fixture
def state(committed):
    """Give what a partition number makes of an empty store."""
    return new_state(committed)


def new_state(committed):
    return PartitionState(committed, number=HOME, partition_count=PARTITION_COUNT, catalog=CATALOG, new_state_id="a-state")


def apply(state, one):
    """Let a batch pass as the agents do."""
    accepted = finished(state.accept(one))
    if accepted is not None and not isinstance(accepted, Gap):
        finished(state.keep_balances(accepted))
        finished(state.count_campaigns(accepted))
        finished(state.keep_dead_letters(accepted))
    return accepted


def end_commit(state):
    state.end_commit(changelog_position=0, now=NOON)


def put(store, key, value):
    store.write({key: value}, StoreMark(0, "a-state", NOON))


def by_topic(messages):
    found = {}
    for message in messages:
        found.setdefault(message.topic, []).append(message)
    return found


def test_nothing_is_committed_before_the_commit_has_ended(committed, state):
    """The lowest layer gets writes and positions when the transaction is through, and not earlier."""
    apply(state, batch(0, 1, raw(0)))
    messages = list(state.begin_commit())
    assert list(committed.scan(b"")) == []
    assert state.pending_record_count == 1
    end_commit(state)
    assert dict(committed.scan(b"")) == {message.key: message.value for message in by_topic(messages)[CHANGELOG]}
    assert read_position(committed, topics.CONSUMPTION) == 1
    assert read_commit(committed) == Commit(1, "a-state")
    assert not state.has_pending


def test_what_is_applied_during_a_commit_goes_into_the_next(committed, state):
    """Batches that come while a transaction is under way build on it, and stay out of it."""
    apply(state, batch(0, 1, raw(0)))
    first = state.begin_commit()
    apply(state, batch(1, 3, raw(1, event_id="e2"), raw(2)))
    assert [decode_change(m.topic, m.value).row.event_id for m in by_topic(first)[topics.LEDGER]] == ["e1"]
    end_commit(state)
    assert state.position(topics.CONSUMPTION) == 3
    assert read_position(committed, topics.CONSUMPTION) == 1
    second = by_topic(state.begin_commit())
    assert [decode_change(m.topic, m.value).row.event_id for m in second[topics.LEDGER]] == ["e2"]
    end_commit(state)
    assert read_position(committed, topics.CONSUMPTION) == 3


def test_a_row_is_published_once_in_a_commit_as_it_is_last(state):
    """However many batches changed a row, a commit carries its last form, with a revision that grows by commits."""
    apply(state, batch(0, 1, raw(0)))
    apply(state, batch(1, 2, raw(1, event_id="e2")))
    rows = [decode_change(m.topic, m.value) for m in by_topic(state.begin_commit())[topics.SNAPSHOTS]]
    end_commit(state)
    assert [(row.row.consumption_count, row.revision) for row in rows] == [(2, revision_of(1))]
    apply(state, batch(2, 3, raw(2, event_id="e3")))
    rows = [decode_change(m.topic, m.value) for m in by_topic(state.begin_commit())[topics.SNAPSHOTS]]
    assert [(row.row.consumption_count, row.revision) for row in rows] == [(3, revision_of(2))]
    assert revision_of(2) > revision_of(1)


def test_a_record_on_a_foreign_partition_is_sent_on_as_it_came(state):
    """Key, value, timestamp and headers stay; a header says where it lay first."""
    stranger = next(raw(5, customer_id=f"c{n}") for n in range(50) if raw(5, customer_id=f"c{n}").partition != HOME)
    apply(state, batch(0, 6, stranger._replace(partition=HOME)))
    (message,) = by_topic(state.begin_commit())[topics.CONSUMPTION]
    assert (message.partition, message.key, message.value) == (stranger.partition, stranger.key, stranger.value)
    assert message.timestamp == NOON // 1000
    assert message.headers == (("trace", b"7"), (topics.HOP_HEADER, f"{topics.CONSUMPTION}/{HOME}/5".encode()))


def test_a_gap_applies_nothing(state):
    """A batch that begins too late changes neither rows nor positions."""
    assert apply(state, batch(3, 4, raw(3))) == Gap(topics.CONSUMPTION, HOME, position=0, begin=3)
    assert not state.has_pending


def test_a_batch_without_records_moves_the_position(committed, state):
    """Commit markers are passed by, and a restart does not read them again."""
    apply(state, batch(0, 2))
    list(state.begin_commit())
    end_commit(state)
    assert read_position(committed, topics.CONSUMPTION) == 2


def test_two_commits_at_once_are_refused(state):
    """There is one transaction at a time."""
    apply(state, batch(0, 1, raw(0)))
    state.begin_commit()
    with pytest.raises(InvariantViolation, match="before the last one had ended"):
        state.begin_commit()


def test_a_commit_ends_only_if_it_has_begun(state):
    """What was never sent is never taken for committed."""
    with pytest.raises(InvariantViolation, match="no commit is under way"):
        end_commit(state)


def test_a_state_goes_only_with_what_it_was_made_with(committed):
    """Another number of partitions or a later layout are refused; an empty state goes with any."""
    decisive = CATALOG.decisive()
    assert check_identity(committed, catalog=decisive, partition_count=9) == []
    commit_one(committed)
    assert check_identity(committed, catalog=decisive, partition_count=PARTITION_COUNT) == []
    with pytest.raises(SettingsError, match="made for 4 partitions, not for 5"):
        check_identity(committed, catalog=decisive, partition_count=5)
    put(committed, b"\x00layout", b"%d" % (LAYOUT + 1))
    with pytest.raises(SettingsError, match="use a newer release"):
        check_identity(committed, catalog=decisive, partition_count=PARTITION_COUNT)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "credit type coins is not listed, and may not be unlimited in the catalog that the state was made with"),
        (
            '[credit_types.coins]\n[organizations.o1]\ntime_zone = "Europe/Lisbon"',
            r"organization o1 is in Europe/Lisbon \(\w+\), and in UTC \(\w+\) in the catalog",
        ),
    ],
)
def test_a_catalog_that_would_change_figures_is_refused_with_what_changed(text, sentence, committed):
    """An event of the credit type, or of the organization, is in the state."""
    commit_one(committed)
    with pytest.raises(SettingsError, match=sentence):
        check_identity(committed, catalog=parse_catalog(text).decisive(), partition_count=PARTITION_COUNT)


def test_a_catalog_that_changes_no_figure_is_taken_over(committed):
    """What is new and not in use yet, and how credits are shown, may change at any time."""
    commit_one(committed)
    newer = parse_catalog(
        "[credit_types.coins]\nscale = 0\n[credit_types.hours]\n"
        '[organizations.o2]\ntime_zone = "Asia/Tokyo"\n[organizations.o1]'
    )
    told = check_identity(committed, catalog=newer.decisive(), partition_count=PARTITION_COUNT)
    assert [words.partition(",")[0].partition(" (")[0] for words in told] == [
        "credit type hours may be unlimited",
        "organization o2 is in Asia/Tokyo",
    ]
    state = PartitionState(committed, number=HOME, partition_count=PARTITION_COUNT, catalog=newer, new_state_id="of-no-use")
    apply(state, batch(1, 2, raw(1, event_id="e2")))
    list(state.begin_commit())
    end_commit(state)
    assert check_identity(committed, catalog=newer.decisive(), partition_count=PARTITION_COUNT) == []


def commit_one(committed):
    """Commit one consumption of o1 in coins."""
    state = new_state(committed)
    apply(state, batch(0, 1, raw(0)))
    list(state.begin_commit())
    end_commit(state)


def test_commit_numbers_that_a_revision_cannot_hold_are_refused(committed):
    """A revision never runs into the generation."""
    put(committed, COMMIT, Commit(2**40 - 1, "a-state").written())
    state = new_state(committed)
    apply(state, batch(0, 1, raw(0)))
    with pytest.raises(InvariantViolation, match="does not fit a revision"):
        state.begin_commit()


def test_a_state_of_the_layout_before_is_brought_up_to_this_one(committed, state):
    """Layout 2 kept all events by customer, and rows beside them; with the next commit all lies as in a new state."""
    apply(state, batch(0, 1, raw(0)))
    list(state.begin_commit())
    end_commit(state)
    as_kept = books_part(committed)
    event = raw(0)
    place = (b"o1|c1\x00", NOON.to_bytes(8, "big"), b"e1")
    old = {
        b"Co1|c1": b"",
        b"U" + b"".join(place): msgspec.msgpack.encode((event.topic, HOME, 0, NOON, event.value)),
        b"Io1|c1\x00e1": b"U" + b"".join(place),
    }
    committed.write(dict.fromkeys(as_kept) | old | {COMMIT: b"1 a-state", b"\x00layout": b"2"}, StoreMark(0, "a-state", NOON))
    check_identity(committed, catalog=CATALOG.decisive(), partition_count=PARTITION_COUNT)
    newer = new_state(committed)
    list(newer.begin_commit())
    end_commit(newer)
    assert books_part(committed) == as_kept
    assert read_layout(committed) == LAYOUT
    assert read_commit(committed) == Commit(2, "a-state")


def books_part(store):
    return {key: value for key, value in store.scan(b"") if not key.startswith(b"\x00")}
