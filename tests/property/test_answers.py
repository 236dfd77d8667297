"""What a state answers at once is what follows from the rows that were published, at any instant and between any steps."""

from random import Random

import pytest

from projections import answers, keys
from projections.answers import balances_of, explanation_of
from projections.balances import Balance, balance_of, lots_then
from projections.books import Books
from projections.calendar import calendar_of
from projections.explanation import explain
from projections.keys import AccountKey, Customer
from projections.pieces import Pieces
from projections.results import Rows
from projections.rows import AllocationRow, DerivingRow, GrantRow, LedgerRow, LotRow, SnapshotRow
from projections.state import MemoryState
from schemas.errors import DerivingError, SettledError
from schemas.instants import INSTANT_LIMIT
from tests.support.building import at, catalog, consume, grant, records, time_advanced
from tests.support.orders import interleaved
from tests.support.worlds import world_of_seed

SMALL = Pieces(chunk_uses=2, step_uses=2, step_rows=2, due_accounts=2, dropped_uses=2)
NOTHING = Balance(0, 0, 0, 0, 0, 0, unlimited=False, next_expiry=None, next_expiry_amount_micro=0, overage_micro=0)
SEEDS = 500
MONTH = 31 * 86_400_000_000


def rows_by_account(rows: Rows, row_type) -> dict[AccountKey, list]:
    grouped: dict[AccountKey, list] = {}
    for row in rows.of(row_type):
        grouped.setdefault(AccountKey(row.organization_id, row.customer_id, row.credit_type), []).append(row)
    return grouped


def asked_instants(rows: Rows, random: Random, boundary: int | None) -> list[int]:
    """Give instants at which something changes, and those beside them, from the boundary on; and one far ahead."""
    changes = {row.start for row in rows.of(LotRow)} | {row.end for row in rows.of(LotRow) if row.end is not None}
    changes |= {row.occurred_at for row in rows.of(LedgerRow)}
    instants = [instant + beside for instant in sorted(changes) for beside in (-1, 0, 1)]
    instants.append(max(instants, default=0) + 3 * MONTH)
    if boundary is not None:
        instants = [instant for instant in instants if instant >= boundary] + [boundary]
    return [instant for instant in random.sample(instants, min(3, len(instants))) if 0 <= instant < INSTANT_LIMIT]


def check_balances(state: MemoryState, rows: Rows, catalog, as_of: int) -> set[str]:
    """Hold the balances of all customers against those of the rows; gives which kinds of answers there were."""
    lots, grants = rows_by_account(rows, LotRow), rows_by_account(rows, GrantRow)
    allocations, months = rows_by_account(rows, AllocationRow), rows_by_account(rows, SnapshotRow)
    deriving = {AccountKey(*row) for row in rows.of(DerivingRow)}
    accounts = lots.keys() | grants.keys() | allocations.keys() | deriving
    kinds = set()
    for customer in {account.customer for account in accounts}:
        zone_name = catalog.zone_name(customer.organization_id)
        month = calendar_of(zone_name).month_of(as_of).label
        found = {one.account: one for one in balances_of(state, customer, as_of=as_of, zone_name=zone_name)}
        for account in (account for account in accounts if account.customer == customer):
            if account in deriving:
                assert found[account].deriving
                kinds.add("silent" if found[account].balance is None else "deriving")
                if found[account].balance is None:
                    continue
                valid = [lot for lot in lots.get(account, ()) if lot.is_valid_at(as_of)]
                overages = [row.overage_micro for row in months.get(account, ()) if row.month == month]
                expected = balance_of(valid, (), as_of=as_of, month=month)._replace(overage_micro=sum(overages))
            else:
                valid = lots_then(lots.get(account, ()), grants.get(account, ()), as_of=as_of, calendar=calendar_of(zone_name))
                kinds |= (
                    {"ahead"}
                    if {(lot.grant_id, lot.start) for lot in valid}
                    - {(lot.grant_id, lot.start) for lot in lots.get(account, ())}
                    else {"issued"}
                )
                expected = balance_of(valid, allocations.get(account, ()), as_of=as_of, month=month)
                kinds |= {"committed"} if expected.committed_micro else set()
                assert account not in found or not found[account].deriving
            assert (found[account].balance if account in found else NOTHING) == expected
    return kinds


def check_explanations(state: MemoryState, rows: Rows, catalog) -> set[str]:
    """Hold the explanation of every consumption against that of the rows; gives which kinds of answers there were."""
    lots = rows_by_account(rows, LotRow)
    kinds = set()
    for row in rows.of(LedgerRow):
        account = AccountKey(row.organization_id, row.customer_id, row.credit_type)
        zone_name = catalog.zone_name(row.organization_id)
        asked = {"occurred_at": row.occurred_at, "zone_name": zone_name}
        try:
            found = explanation_of(state, account.customer, row.event_id, **asked)
        except (SettledError, DerivingError) as error:
            kinds.add(type(error).__name__)
            continue
        if found is None:
            kinds.add("forgotten")
            assert state.get(keys.at(keys.USAGE, account.key, row.occurred_at, row.event_id)) is None
            continue
        [allocation] = [one for one in rows.of(AllocationRow) if one[:4] == row[:4]]
        assert found == explain(row, allocation, lots.get(account, ()))
        kinds.add("explained")
    return kinds


def check_world(seed: int) -> set[str]:
    """Apply a log in small batches with some steps between them, and ask after each; gives the kinds of answers."""
    drawn, random = world_of_seed(seed), Random(seed)  # noqa: S311 - the same world for the same seed
    kinds = set()
    for partition in range(drawn.partition_count):
        state, rows = MemoryState(), Rows()
        books = Books(state, **drawn.rules, pieces=SMALL)
        records = [one for one in interleaved(random, drawn.read()) if one.place.partition == partition]
        batch_size = random.choice((2, 5, 10))
        for start in range(0, len(records), batch_size):
            accepted = books.accept(records[start : start + batch_size])
            rows.take(books.balance_changes(accepted))
            rows.take(books.campaign_changes(accepted))
            for _ in range(random.randint(0, 3)):
                rows.take(books.due_changes())
            while start + batch_size >= len(records) and books.has_due():
                rows.take(books.due_changes())
            for as_of in asked_instants(rows, random, books.times().boundary):
                kinds |= check_balances(state, rows, drawn.catalog, as_of)
            kinds |= check_explanations(state, rows, drawn.catalog)
    return kinds


@pytest.mark.parametrize("seed", range(SEEDS))
def test_answers_are_those_of_the_rows(seed):
    """Between any two batches and steps, balances and explanations from the state are those from the published rows.

    An account that is being derived says so, and gives what is published or nothing.
    """
    check_world(seed)


def test_every_kind_of_answer_is_met():
    """The worlds reach accounts that are derived, months ahead of the clock, later use, settled and forgotten events."""
    wanted = {"silent", "deriving", "ahead", "issued", "committed", "explained", "SettledError", "DerivingError", "forgotten"}
    for seed in range(SEEDS):
        wanted -= check_world(seed)
        if not wanted:
            return
    pytest.fail(f"never met: {', '.join(sorted(wanted))}")


def test_what_lies_before_the_boundary_is_refused():
    """The sentence names the instant and the boundary."""
    state = MemoryState()
    books = Books(state, catalog=catalog())
    boundary = at("2026-03-01")
    books.apply(records(grant("g", "5", at("2026-02-01")), time_advanced(at("2026-05-10"), boundary)))
    customer = Customer("o1", "c1")
    with pytest.raises(SettledError, match=r"2026-02-28T23:59:59\.999999Z lies before 2026-03-01T00:00:00Z"):
        balances_of(state, customer, as_of=boundary - 1, zone_name="UTC")
    assert balances_of(state, customer, as_of=boundary, zone_name="UTC") != []


def test_only_so_much_later_consumption_is_looked_at(monkeypatch):
    """One use more than that after the instant is refused, and the same account at a later instant is answered."""
    monkeypatch.setattr(answers, "LATER_USES_MAX", 2)
    state = MemoryState()
    uses = [consume(f"e{day}", "1", at(f"2026-03-0{day}")) for day in range(1, 5)]
    Books(state, catalog=catalog()).apply(records(grant("g", "50", at("2026-02-01")), *uses))
    asked = {"zone_name": "UTC", "credit_type": uses[0].credit_type}
    with pytest.raises(SettledError, match="more than 2 uses of"):
        balances_of(state, Customer("o1", "c1"), as_of=at("2026-03-01"), **asked)
    [found] = balances_of(state, Customer("o1", "c1"), as_of=at("2026-03-02"), **asked)
    assert found.balance is not None
    assert (found.balance.used_micro, found.balance.committed_micro) == (2_000_000, 2_000_000)
    assert balances_of(state, Customer("o1", "c1"), as_of=at("2026-03-02"), zone_name="UTC", credit_type="other") == []
