"""Which lots there are and which of them pay, figures worked out by hand (docs/ledger.md 4)."""

import pytest

from plain_model import BURN_CRITERIA, derive
from schemas.events import Booking, LineItem
from tests.support.building import at, catalog, consume, grant, monthly, records, reverse, void

T = at("2026-05-15T12:00:00Z")


def derived(*contents, zone_name="UTC", burn_criteria=BURN_CRITERIA):
    log = records(*contents)
    return derive(log, catalog=catalog(zone_name=zone_name), as_of=T, burn_criteria=burn_criteria)


def lots(results):
    return {(row["grant_id"], row["start"]): row for row in results["lots"]}


def payers(results, event_id="e1"):
    (row,) = [row for row in results["allocations"] if row["event_id"] == event_id]
    return [(part["grant_id"], part["amount"]) for part in row["paid_by"]], row["overage"]


def line(item, kind="USAGE_METER"):
    return LineItem("invoice", "line", kind, item)


def test_a_once_grant_has_one_lot_from_effective_to_expiry():
    """The lot is valid from `effective_at` up to `expires_at`, exclusive: the first instant pays, the last does not (4.2)."""
    results = derived(
        grant("g1", "100", "2026-03-01", effective_at="2026-03-05", expires_at="2026-03-10"),
        consume("before", "1", "2026-03-04T23:59:59.999999Z"),
        consume("first", "1", "2026-03-05"),
        consume("last", "1", "2026-03-09T23:59:59.999999Z"),
        consume("after", "1", "2026-03-10"),
    )
    assert payers(results, "before") == ([], "1")
    assert payers(results, "first") == ([("g1", "1")], "0")
    assert payers(results, "last") == ([("g1", "1")], "0")
    assert payers(results, "after") == ([], "1")
    # 100 granted, 2 used, and 98 expired on 10 March.
    assert (results["lots"][0]["used"], results["lots"][0]["expired"], results["lots"][0]["rest"]) == ("2", "98", "0")


def test_a_monthly_grant_has_a_lot_for_each_month_cut_to_its_validity():
    """Each calendar month of the zone has the full amount, though it be cut at either end (4.2)."""
    results = derived(monthly("m1", "40", "2026-03-20", expires_at="2026-05-10"), zone_name="Europe/Lisbon")
    # April and May begin at 23:00 UTC the day before, since Lisbon is an hour ahead from 29 March on.
    assert [(row["start"], row["end"], row["amount"], row["unused"], row["rest"]) for row in results["lots"]] == [
        ("2026-03-20T00:00:00Z", "2026-03-31T23:00:00Z", "40", "40", "0"),
        ("2026-03-31T23:00:00Z", "2026-04-30T23:00:00Z", "40", "40", "0"),
        ("2026-04-30T23:00:00Z", "2026-05-10T00:00:00Z", "40", "40", "0"),
    ]


def test_monthly_lots_are_listed_up_to_the_last_month_with_consumption():
    """The clock's month is May; a booking for July makes the list go on to July (8.3)."""
    results = derived(monthly("m1", "40", "2026-05-01"), consume("e1", "10", "2026-07-04"))
    assert [(row["start"][:7], row["used"], row["rest"]) for row in results["lots"]] == [
        ("2026-05", "0", "40"),
        ("2026-06", "0", "40"),
        ("2026-07", "10", "30"),
    ]


def test_a_void_ends_the_running_lot_and_issues_no_more():
    """The lot that is valid just before and at the void ends there; later months are never issued (4.4)."""
    results = derived(monthly("m1", "40", "2026-03-01"), consume("e1", "15", "2026-04-05"), void("m1", "2026-04-10"))
    assert [(row["start"], row["end"], row["used"], row["unused"], row["voided"]) for row in results["lots"]] == [
        ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "0", "40", "0"),
        ("2026-04-01T00:00:00Z", "2026-04-10T00:00:00Z", "15", "0", "25"),
    ]


@pytest.mark.parametrize("voided_at", ["2026-03-10", "2026-03-11"])
def test_a_void_at_the_natural_end_or_later_touches_nothing(voided_at):
    """What has ended by itself has expired and is not voided (4.4)."""
    results = derived(grant("g1", "100", expires_at="2026-03-10"), void("g1", voided_at))
    assert (results["lots"][0]["expired"], results["lots"][0]["voided"]) == ("100", "0")


def test_a_void_at_the_start_means_no_lot():
    """A lot that would start at the void is never issued; the account is there all the same (4.4, 8.3)."""
    results = derived(grant("g1", "100", "2026-03-01"), void("g1", "2026-03-01"))
    assert results["lots"] == []
    assert results["snapshots"] == []
    assert [row["granted"] for row in results["balances"]] == ["0"]


def test_the_earliest_of_several_voids_stands():
    """Whichever came first in the log, the one dated earliest ends the grant (4.4)."""
    results = derived(grant(), void("g1", "2026-03-20", event_id="v1"), void("g1", "2026-03-15", event_id="v2"))
    assert results["lots"][0]["end"] == "2026-03-15T00:00:00Z"
    assert results["conflicts"] == []


def test_consumption_counts_as_if_it_had_always_been_its_net_size():
    """A reversal in part leaves the lots of the later order untouched, as if less had been booked (4.5)."""
    first = consume("e1", "45", "2026-03-10")
    results = derived(
        grant("g1", "40", expires_at="2026-04-01"),
        grant("g2", "40", expires_at="2026-05-01"),
        first,
        consume("e2", "5", "2026-03-11"),
        reverse(first, "10"),
    )
    # Net 35: g1 pays all of it and has 5 left, which e2 takes before g2 is touched.
    assert payers(results, "e1") == ([("g1", "35")], "0")
    assert payers(results, "e2") == ([("g1", "5")], "0")
    (row,) = [row for row in results["allocations"] if row["event_id"] == "e1"]
    assert (row["amount"], row["reversed"]) == ("45", "10")


def test_consumption_is_taken_in_the_order_in_which_it_occurred():
    """Not the log's order counts: what occurred first is paid first, and at one instant the lesser id (4.5)."""
    results = derived(
        grant("g1", "10"),
        consume("b", "6", "2026-03-10"),
        consume("a", "6", "2026-03-10"),
        consume("z", "3", "2026-03-09"),
    )
    # z takes 3, a takes 6, so b finds 1 and 5 are overage.
    assert payers(results, "z") == ([("g1", "3")], "0")
    assert payers(results, "a") == ([("g1", "6")], "0")
    assert payers(results, "b") == ([("g1", "1")], "5")


def test_goodwill_made_later_pays_the_overage_only():
    """A grant made in April for March pays what March's lots left, and takes over nothing of theirs (4.7, criterion 1)."""
    own = grant("own", "60", "2026-03-01", expires_at="2026-04-01")
    goodwill = grant("goodwill", "50", "2026-04-05", effective_at="2026-03-01", expires_at="2026-12-31", priority=1)
    results = derived(own, consume("e1", "100", "2026-03-10"), goodwill)
    # own pays its 60 though goodwill has the better priority; goodwill pays the 40 that were overage and keeps 10.
    assert payers(results) == ([("own", "60"), ("goodwill", "40")], "0")
    assert lots(results)["goodwill", "2026-03-01T00:00:00Z"]["rest"] == "10"


def test_without_the_first_criterion_goodwill_would_let_credits_expire():
    """The burn order is an argument: with criterion 1 left out, goodwill of better priority pays first and own expires."""
    own = grant("own", "60", "2026-03-01", expires_at="2026-04-01")
    goodwill = grant("goodwill", "50", "2026-04-05", effective_at="2026-03-01", priority=1)
    results = derived(own, consume("e1", "60", "2026-03-10"), goodwill, burn_criteria=BURN_CRITERIA[1:])
    # goodwill pays 50, own only 10 of its 60, and 50 expire.
    assert payers(results) == ([("goodwill", "50"), ("own", "10")], "0")
    assert lots(results)["own", "2026-03-01T00:00:00Z"]["expired"] == "50"


def test_of_grants_made_later_the_one_made_first_pays_first():
    """Among goodwill the order in which it was made decides, before priority (4.7, criterion 1)."""
    first = grant("z-first", "10", "2026-04-01", effective_at="2026-03-01", priority=90)
    second = grant("a-second", "10", "2026-04-02", effective_at="2026-03-01", priority=1)
    assert payers(derived(consume("e1", "12", "2026-03-10"), second, first)) == ([("z-first", "10"), ("a-second", "2")], "0")


USED = consume("e1", "1", "2026-03-10", activity=line("disk"), credit_type="usd")
ORDERS = {
    "a lower priority first": ({"priority": 1}, {"priority": 2}),
    "unlimited before limited": ({"amount": "unlimited"}, {"expires_at": "2026-03-11"}),
    "the soonest end first": ({"expires_at": "2026-04-01"}, {"expires_at": "2026-04-02"}),
    "one without end last": ({"expires_at": "2026-04-01"}, {}),
    "an item before a kind": ({"scope": ["USAGE_METER/disk"]}, {"scope": ["USAGE_METER"]}),
    "a kind before everything": ({"scope": ["USAGE_METER"]}, {}),
    "the narrowest that matches": ({"scope": ["USAGE_METER/disk", "ADDON"]}, {"scope": ["USAGE_METER", "USAGE_METER/cpu"]}),
    "the earliest start first": ({"effective_at": "2026-03-01"}, {"effective_at": "2026-03-02"}),
    "the lesser grant id last of all": ({}, {}),
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_burn_order_criterion_by_criterion(order):
    """Of two lots that differ in one criterion the first named pays, though its id is the greater but in the last (4.7)."""
    first, second = ORDERS[order]
    first_id, second_id = ("a", "b") if first == second else ("b", "a")
    results = derived(
        grant(second_id, occurred_at="2026-03-01", credit_type="usd", **second),
        grant(first_id, occurred_at="2026-03-01", credit_type="usd", **first),
        USED,
    )
    assert payers(results) == ([(first_id, "1")], "0")


def test_a_void_does_not_change_the_burn_order():
    """Sorted is by the natural end: a void that ends a lot sooner does not make it pay sooner (4.7, criterion 4)."""
    results = derived(
        grant("long", "10", expires_at="2026-12-31"),
        grant("short", "10", expires_at="2026-06-01"),
        consume("e1", "5", "2026-03-10"),
        void("long", "2026-03-11"),
    )
    assert payers(results) == ([("short", "5")], "0")


def test_a_scope_pays_only_what_it_names():
    """A kind pays all its items, an item only itself; what is no invoice line is paid by lots of empty scope alone (4.9)."""
    grants = (
        grant("disk", "100", scope=["USAGE_METER/disk"]),
        grant("addons", "100", scope=["ADDON"]),
        grant("all", "100"),
    )
    results = derived(
        *grants,
        consume("e1", "1", activity=line("disk")),
        consume("e2", "1", activity=line("cpu")),
        consume("e3", "1", activity=line("any", kind="ADDON")),
        consume("e4", "1", activity=Booking("b1", None, None)),
    )
    paid = [payers(results, event_id)[0][0][0] for event_id in ("e1", "e2", "e3", "e4")]
    assert paid == ["disk", "all", "addons", "all"]


def test_an_unlimited_lot_pays_all_that_the_lots_before_it_left():
    """With a lower priority number a limited lot goes first; the unlimited one pays the rest and no overage is left (4.10)."""
    results = derived(
        grant("first", "3", priority=1, credit_type="hours"),
        grant("flat", "unlimited", credit_type="hours"),
        grant("last", "100", priority=99, credit_type="hours"),
        consume("e1", "10", credit_type="hours"),
    )
    assert payers(results) == ([("first", "3"), ("flat", "7")], "0")
    flat = lots(results)["flat", "2026-03-01T00:00:00Z"]
    assert (flat["amount"], flat["used"], flat["rest"], flat["end"]) == ("unlimited", "7", "0", None)


def test_overage_is_paid_by_a_lot_that_was_valid_then_and_not_by_a_later_one():
    """A lot that starts after the consumption leaves the overage where it is; one that was valid then pays it (4.8)."""
    used = consume("e1", "10", "2026-03-10")
    after = grant("after", "10", "2026-03-11")
    assert payers(derived(used, after)) == ([], "10")
    valid_then = grant("then", "4", "2026-04-11", effective_at="2026-03-10")
    assert payers(derived(used, after, valid_then)) == ([("then", "4")], "6")


def test_what_a_reversal_gives_back_shares_the_fate_of_its_lot():
    """Credits given back after their lot has ended expire with it (4.11)."""
    used = consume("e1", "10", "2026-03-10")
    results = derived(grant("g1", "10", expires_at="2026-04-01"), used, reverse(used, "4", "2026-05-01"))
    assert (results["lots"][0]["used"], results["lots"][0]["expired"]) == ("6", "4")


def test_a_stated_cost_shrinks_with_the_net_amount():
    """Cost * net / amount, half to the even at 6 digits; reversed in full it stays as 0 (4.12)."""
    part, whole = consume("e1", "8", cost="0.00002 EUR"), consume("e2", "5", cost="3 EUR")
    results = derived(part, whole, reverse(part, "5"), reverse(whole))
    # 0.00002 * 3 / 8 = 0.0000075, in the middle of 0.000007 and 0.000008: the even one.
    assert [row["cost"] for row in results["allocations"]] == [{"EUR": "0.000008"}, {"EUR": "0"}]


def test_a_derived_cost_is_kept_at_12_digits_by_currency():
    """Without a stated cost it is the sum of what each lot's credits cost; a lot without unit cost adds none (4.12)."""
    used = consume("e1", "4", "2026-03-10")
    reversed_in_full = consume("e2", "1", "2026-03-11")
    results = derived(
        grant("a", "1.000001", priority=1, unit_cost="0.000001 USD"),
        grant("b", "1", priority=2, unit_cost="1.25 EUR"),
        grant("c", "1", priority=3, unit_cost="0.5 EUR"),
        grant("d", "1", priority=4),
        used,
        reversed_in_full,
        reverse(reversed_in_full),
    )
    # 1.000001 * 0.000001 = 0.000001000001 USD; 1.25 + 0.5 = 1.75 EUR; d pays the remaining 0.999999 for nothing.
    assert results["allocations"][0]["cost"] == {"EUR": "1.75", "USD": "0.000001000001"}
    assert results["allocations"][1]["cost"] == {}
    assert payers(results, "e2") == ([], "0")


def test_exact_where_floats_are_not():
    """A tenth, three times, is three tenths; and amounts near 10^12 keep their millionths."""
    results = derived(
        grant("g1", "999999999999.999999"),
        consume("e1", "0.1", "2026-03-10"),
        consume("e2", "0.1", "2026-03-11"),
        consume("e3", "0.1", "2026-03-12"),
    )
    assert (results["lots"][0]["used"], results["lots"][0]["rest"]) == ("0.3", "999999999999.699999")
