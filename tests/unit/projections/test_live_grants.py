"""The limit of grants that have not expired: at its true size, in any batches, and what the state keeps for it (3.11)."""

import msgspec
import pytest

from plain_model import derive
from plain_model.acceptance import LIVE_GRANTS_MAX as LIMIT_OF_THE_PLAIN_MODEL
from plain_model.acceptance import accept
from projections import keys
from projections.books import Books
from projections.fold import fold
from projections.keys import AccountKey
from projections.live_grants import LIVE_GRANTS_MAX, count_live_grants, keep_live_grant
from projections.rows import DeadLetterRow
from projections.state import MemoryState
from schemas.errors import InvariantViolation
from schemas.instants import INSTANT_LIMIT, MICROSECONDS_PER_DAY
from schemas.refusals import Reason
from tests.support.building import at, catalog, grant, records, time_advanced, void

ACCOUNT = AccountKey("o1", "c1", "coins")


def full_account():
    """Give 10,000 grants of one account, three of which expire on 1 April, and what then comes, with the verdicts on it."""
    grants = [grant(f"g{number}", "1", expires_at="2026-04-01" if number <= 3 else None) for number in range(1, 10_001)]
    told = [
        (grant("g10001", "1"), "too_many_grants"),
        (grants[0], "duplicate"),
        (grants[0]._replace(amount_micro=2), "grant_conflict"),
        (grant("g10001", "1", credit_type="hours"), "accepted"),
        (grant("g10002", "1", customer_id="c2"), "accepted"),
        (void("g5"), "accepted"),
        (grant("g10003", "1"), "too_many_grants"),
        (time_advanced("2026-06-02", "2026-03-31T23:59:59.999999Z"), "accepted"),
        (grant("g10004", "1", "2026-06-01"), "too_many_grants"),
        (grant("g10004", "1", "2026-03-31"), "too_late"),
        (time_advanced("2026-06-02", "2026-04-01"), "accepted"),
        *((grant(f"g{number}", "1", "2026-06-02"), "accepted") for number in (10_005, 10_006, 10_007)),
        (grant("g10008", "1", "2026-06-02"), "too_many_grants"),
        (grants[1], "duplicate"),
    ]
    return grants, told


def verdicts(books, log, *, batch_size):
    """Let books accept a log in batches; gives how many were accepted and were duplicates, and the refused."""
    accepted = duplicates = 0
    refused = []
    for begin in range(0, len(log), batch_size):
        found = books.accept(log[begin : begin + batch_size])
        accepted += found.accepted
        duplicates += found.duplicates
        refused += found.refused
    return accepted, duplicates, refused


@pytest.mark.parametrize("batch_size", [1, 100_000])
def test_ten_thousand_grants_are_accepted_and_the_next_one_is_refused_by_name(batch_size):
    """There is room again once `accept_from` has passed an end, and only then; what comes first in the order is named first."""
    grants, told = full_account()
    log = records(*grants, *(event for event, _ in told))
    accepted, duplicates, refused = verdicts(Books(MemoryState(), catalog=catalog()), log, batch_size=batch_size)
    expected = [verdict for _, verdict in told]
    assert [row.reason for row in refused] == [verdict for verdict in expected if verdict not in {"accepted", "duplicate"}]
    assert duplicates == expected.count("duplicate")
    # The time is told to three topics.
    assert accepted == 10_000 + expected.count("accepted") + 2 * 2
    assert refused[0].field == "grant_id"
    assert refused[0].detail == (
        "g10001 is one too many: the account has 10000 grants that have not expired, and the limit is 10000; "
        "let grants expire, or grant in larger pieces"
    )
    plain = accept(log).refusals
    assert [(row.reason, row.field, row.detail) for row in refused] == [tuple(plain[row[:3]]) for row in refused]


def test_the_limit_is_that_of_the_rule_book():
    """Both derivations tell it themselves."""
    assert LIVE_GRANTS_MAX == LIMIT_OF_THE_PLAIN_MODEL == 10_000


LOG = records(
    grant("g1", "5", "2026-01-01", expires_at="2026-02-01"),
    grant("g2", "5", "2026-01-02", expires_at="2026-03-01"),
    grant("g3", "5", "2026-01-03"),
    grant("g4", "5", "2026-01-04"),
    time_advanced("2026-05-01", "2026-02-01"),
    grant("g5", "5", "2026-04-01", expires_at="2026-04-15"),
    grant("g6", "5", "2026-04-01"),
    grant("g1", "5", "2026-01-01", expires_at="2026-02-01"),
    time_advanced("2026-07-01", "2026-04-20"),
    grant("g6", "5", "2026-06-01", expires_at="2026-06-02"),
)


def test_books_and_state_are_the_same_for_any_batches():
    """Refused are g4, before anything has expired, and g6 the first time; the index holds what has not expired since."""
    states = []
    for batch_size in (1, 2, 5, 100):
        state, refused = MemoryState(), []
        books = Books(state, catalog=catalog(), live_grants_max=3)
        for begin in range(0, len(LOG), batch_size):
            changes = books.apply(LOG[begin : begin + batch_size]).changes
            refused += [change.row for change in changes if isinstance(change.row, DeadLetterRow)]
        assert [(row.reason, row.offset) for row in refused] == [(Reason.TOO_MANY_GRANTS, 3), (Reason.TOO_MANY_GRANTS, 6)]
        states.append(dict(state.scan(b"")))
    assert all(state == states[0] for state in states)
    assert [key for key in states[0] if key.startswith(keys.LIVE_GRANT)] == [
        keys.of(keys.LIVE_GRANT, ACCOUNT.key),
        keys.at(keys.LIVE_GRANT, ACCOUNT.key, at("2026-06-02"), "g6"),
        keys.at(keys.LIVE_GRANT, ACCOUNT.key, INSTANT_LIMIT, "g3"),
    ]
    assert msgspec.msgpack.decode(states[0][keys.of(keys.LIVE_GRANT, ACCOUNT.key)]) == [2, at("2026-06-02")]


def test_the_plain_model_refuses_the_same():
    """Both derivations come to the same books, refusals and all."""
    core = fold(LOG, catalog=catalog(), live_grants_max=3)
    assert core == derive(LOG, catalog=catalog(), live_grants_max=3)
    assert len(core["refusals"]) == 2


def test_an_account_of_which_all_has_expired_is_counted_from_nothing():
    """Nothing is kept for it any more."""
    state = MemoryState()
    books = Books(state, catalog=catalog(), live_grants_max=1)
    books.apply(records(grant("g1", "5", "2026-01-01", expires_at="2026-02-01")))
    assert count_live_grants(state, ACCOUNT, accept_from=at("2026-02-01") - 1) == 1
    assert count_live_grants(state, ACCOUNT, accept_from=at("2026-02-01")) == 0
    assert list(state.scan(keys.LIVE_GRANT)) == []


class ScannedState(MemoryState):
    """A state in memory that counts the keys that scans have given."""

    def __init__(self):
        super().__init__()
        self.scanned = 0

    def scan(self, prefix, *, start=None, last=None, limit=None):
        for found in super().scan(prefix, start=start, last=last, limit=limit):
            self.scanned += 1
            yield found


def test_a_grant_leaves_the_index_once_and_is_not_looked_at_before():
    """However many grants live beside them, what is read is what has expired, and one more each time."""
    state = ScannedState()
    day = at("2026-01-01")
    for number in range(500):
        end = None if number % 2 else day + (number + 1) * MICROSECONDS_PER_DAY
        keep_live_grant(state, grant(f"g{number}", "5", day, expires_at=end), accept_from=None)
    for number in range(0, 500, 4):
        accept_from = day + number * MICROSECONDS_PER_DAY
        assert count_live_grants(state, ACCOUNT, accept_from=accept_from) == 500 - number // 2
        assert count_live_grants(state, ACCOUNT, accept_from=accept_from) == 500 - number // 2
    assert state.scanned <= 250 + 125


def test_a_state_of_the_layout_before_is_counted_when_it_is_brought_up_to_date():
    """It may hold more grants than are allowed; what has expired by then is not counted, and no more are accepted."""
    state = MemoryState()
    events = [grant(f"g{number}", "5", "2026-04-01", expires_at=end) for number, end in enumerate(("2026-04-20", None, None))]
    Books(state, catalog=catalog()).apply(records(*events, time_advanced("2026-07-01", "2026-04-20")))
    for key, _ in list(state.scan(b"")):
        if key[:1] not in {keys.GRANT, keys.CLOCK}:
            state.delete(key)
    books = Books(state, catalog=catalog(), live_grants_max=1)
    books.upgrade()
    assert [key[-2:] for key, _ in state.scan(keys.all_of(keys.LIVE_GRANT, ACCOUNT.key))] == [b"g1", b"g2"]
    [change] = books.apply(records(*events, grant("g9", "5", "2026-06-01"))[-1:]).changes
    assert change.row.reason == Reason.TOO_MANY_GRANTS
    assert "the account has 2 grants that have not expired, and the limit is 1" in change.row.detail


def test_a_damaged_count_is_named_as_a_broken_invariant():
    """It stops the partition number with a sentence, and is not taken for an empty account."""
    state = MemoryState()
    books = Books(state, catalog=catalog())
    books.apply(records(grant("g1", "5")))
    state.put(keys.of(keys.LIVE_GRANT, ACCOUNT.key), b"\x93")
    with pytest.raises(InvariantViolation, match="the state holds what is no count of grants"):
        books.apply(records(grant("g1", "5"), grant("g2", "5"))[1:])
