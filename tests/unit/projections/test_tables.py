"""The tables of a partition number: what the agents keep, read like mappings."""

import pytest

from projections.books import Books
from projections.invariants import check_rows
from projections.keys import AccountKey, UsageKey
from projections.rows import LotRow, SnapshotRow
from projections.state import MemoryState
from projections.tables import Accounts, CampaignCounterKey, CampaignCounters, Usage, read_lots, read_months
from projections.totals import Totals
from schemas.errors import InvariantViolation
from schemas.events import CampaignSend
from schemas.records import Place
from tests.support.building import at, catalog, consume, grant, micro, records, reverse

SEND = CampaignSend("camp", "center", "EMAIL", "PLAN", 10)
LOG = records(
    grant("g1", "100", "2026-03-01", expires_at="2026-03-20"),
    grant("g2", "50", "2026-03-02", customer_id="c2"),
    consume("e1", "30", "2026-03-05"),
    consume("e2", "90", "2026-04-05", activity=SEND, customer_id="c2"),
)
PLACE = Place("credits.consumption", 0, 7)


@pytest.fixture
def state():
    """Give a state with two accounts, one of which overdrew."""
    found = MemoryState()
    Books(found, catalog=catalog()).apply(LOG)
    return found


def test_an_account_has_its_lots_and_its_months(state):
    """A table is read by key and by iteration; what is not there is a KeyError."""
    accounts = Accounts(state)
    assert list(accounts) == [AccountKey("o1", "c1", "coins"), AccountKey("o1", "c2", "coins")]
    assert len(accounts) == 2
    account = accounts[AccountKey("o1", "c1", "coins")]
    assert [(lot.grant_id, lot.used_micro) for lot in account.lots] == [("g1", micro("30"))]
    assert [(month.month, month.once_closing_micro) for month in account.months] == [("2026-03", 0)]
    assert AccountKey("o1", "c1", "hours") not in accounts


def test_an_account_is_not_mixed_with_one_whose_name_begins_alike(state):
    """Parts of a key are divided, so that `c1` does not find what is of `c10`."""
    Books(state, catalog=catalog()).apply(records(grant("g3", "7", "2026-03-01", customer_id="c10")))
    accounts = Accounts(state)
    assert [lot.grant_id for lot in accounts[AccountKey("o1", "c1", "coins")].lots] == ["g1"]
    assert [lot.grant_id for lot in accounts[AccountKey("o1", "c10", "coins")].lots] == ["g3"]


def test_usage_is_read_by_customer_instant_and_identity(state):
    """A consumption is found with the place where it lay first."""
    usage = Usage(state)
    key = UsageKey("o1", "c1", at("2026-03-05"), "e1")
    assert list(usage) == [key, UsageKey("o1", "c2", at("2026-04-05"), "e2")]
    assert len(usage) == 2
    assert (usage[key].event.amount_micro, usage[key].place) == (micro("30"), LOG[2].place)
    with pytest.raises(KeyError):
        usage[key._replace(event_id="e9")]


def test_counters_follow_their_sends(state):
    """A counter goes with the reversal of its only send."""
    counters = CampaignCounters(state)
    key = CampaignCounterKey("o1", "c2", "coins", "camp", "center", "2026-04-05", "EMAIL", "PLAN")
    assert list(counters) == [key]
    assert (counters[key].processed, counters[key].credits_micro) == (10, micro("90"))
    Books(state, catalog=catalog()).apply(
        records(*(record.content for record in LOG), reverse(("e2", "2026-04-05"), customer_id="c2"))
    )
    assert len(CampaignCounters(state)) == 0
    with pytest.raises(KeyError):
        counters[key]


def test_totals_are_sums_over_all_accounts(state):
    """Granted counts what has begun, expiring what ends within seven days and is not used."""
    totals = Totals(as_of=at("2026-03-15"))
    for lot in read_lots(state):
        totals.take_lot(lot)
    for month in read_months(state):
        totals.take_month(month)
    found = totals.by_credit_type["coins"]
    assert (found.granted_micro, found.used_micro, found.overage_micro) == (micro("150"), micro("80"), micro("40"))
    assert (found.expiring_micro, len(found.accounts)) == (micro("70"), 2)


@pytest.mark.parametrize(
    ("row_type", "change", "law"),
    [
        (SnapshotRow, {"once_closing_micro": 1}, "in 2026-03 opening and movements do not make the closing"),
        (SnapshotRow, {"consumed_micro": 1}, "in 2026-03 what was consumed is not what was paid and overage"),
        (SnapshotRow, {"monthly_granted_micro": 1}, "in 2026-03 monthly credits are not all used, unused or voided"),
        (LotRow, {"used_micro": micro("101")}, "of lot g1 more is used than it holds"),
    ],
)
def test_a_row_that_breaks_a_law_is_named_with_account_and_record(row_type, change, law, state):
    """The sentence is what an operator of a parked partition number reads."""
    row = next(row for row in (*read_lots(state), *read_months(state)) if isinstance(row, row_type))
    check_rows([row], place=PLACE)
    with pytest.raises(InvariantViolation) as caught:
        check_rows([row._replace(**change)], place=PLACE)
    assert str(caught.value) == f"at credits.consumption/0/7: account o1|c1|coins: {law}"


def test_a_state_that_is_damaged_is_no_state():
    """What lies where an event should be, and is none, is a broken invariant that names the bytes."""
    state = MemoryState()
    books = Books(state, catalog=catalog())
    books.apply(LOG)
    [(key, value), *_] = state.scan(b"U")
    state.put(key, value[:-3])
    with pytest.raises(InvariantViolation, match="the state holds what is no accepted event"):
        books.apply(records(*(record.content for record in LOG), consume("e3", "1", "2026-03-07")))
