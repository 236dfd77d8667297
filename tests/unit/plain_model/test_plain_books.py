"""Months, balances, campaigns, conflicts and the form of results, worked out by hand (docs/ledger.md 3.10, 5 to 8)."""

import pytest

from plain_model import derive
from schemas.errors import SettingsError
from schemas.events import CampaignSend
from tests.support.building import (
    at,
    campaign,
    catalog,
    consume,
    grant,
    monthly,
    name,
    placed,
    records,
    reverse,
    time_advanced,
    void,
)


def derived(*contents, as_of="2026-05-15T12:00:00Z", zone_name="UTC"):
    return derive(records(*contents), catalog=catalog(zone_name=zone_name), as_of=None if as_of is None else at(as_of))


def months(results):
    return [row["month"] for row in results["snapshots"]]


def figures(results, month, *fields):
    (row,) = [row for row in results["snapshots"] if row["month"] == month]
    return tuple(row[field] for field in fields)


ONCE = ("once_opening", "once_granted", "once_used", "once_expired", "once_voided", "once_closing")
MONTHLY = ("monthly_granted", "monthly_used", "monthly_unused", "monthly_voided")


def test_the_books_of_once_lots():
    """Opening and granted, less used, expired and voided, is closing, and that is the next month's opening (5.2)."""
    results = derived(
        grant("a", "100", "2026-03-05", expires_at="2026-04-20"),
        grant("b", "50", "2026-03-06"),
        consume("e1", "30", "2026-03-10"),
        consume("e2", "20", "2026-04-10"),
        void("b", "2026-05-02"),
    )
    # March: 150 granted, 30 used from a (sooner end). April: 20 more from a, whose last 50 expire. May: b's 50 are voided.
    assert figures(results, "2026-03", *ONCE) == ("0", "150", "30", "0", "0", "120")
    assert figures(results, "2026-04", *ONCE) == ("120", "0", "20", "50", "0", "50")
    assert figures(results, "2026-05", *ONCE) == ("50", "0", "0", "0", "50", "0")


def test_a_snapshot_says_what_the_month_will_be():
    """A lot that ends later in the running month has ended in its snapshot, though not in the balance (5.1)."""
    results = derived(grant("g1", "100", "2026-05-01", expires_at="2026-05-31"), as_of="2026-05-15")
    assert figures(results, "2026-05", *ONCE) == ("0", "100", "0", "100", "0", "0")
    assert results["balances"][0]["balance"] == "100"


def test_a_lot_that_ends_with_a_month_expires_in_it_and_a_void_there_counts_in_the_next():
    """Expired is where the lot was last valid; voided is where the void lies (5.2)."""
    results = derived(
        grant("ends", "10", "2026-03-05", expires_at="2026-04-01"),
        grant("voided", "7", "2026-03-05"),
        void("voided", "2026-04-01"),
    )
    assert figures(results, "2026-03", *ONCE) == ("0", "17", "0", "10", "0", "7")
    assert figures(results, "2026-04", *ONCE) == ("7", "0", "0", "0", "7", "0")
    assert months(results) == ["2026-03", "2026-04"]


def test_the_books_of_monthly_lots():
    """Granted is used, unused and voided; nothing is carried over (5.3)."""
    results = derived(monthly("m1", "40", "2026-03-01"), consume("e1", "50", "2026-03-10"), void("m1", "2026-04-10"))
    # March: 40 used and 10 overage. April: 40 voided. May: the grant is gone.
    assert figures(results, "2026-03", *MONTHLY, "overage", "consumed") == ("40", "40", "0", "0", "10", "50")
    assert figures(results, "2026-04", *MONTHLY, "overage", "consumed") == ("40", "0", "0", "40", "0", "0")
    assert months(results) == ["2026-03", "2026-04"]


def test_an_unlimited_lot_keeps_its_months():
    """A month in which an unlimited lot was valid has a row, with the flag of its cadence, though nothing moves (5.4, 5.5)."""
    results = derived(
        grant("flat", "unlimited", "2026-03-05", expires_at="2026-04-02", credit_type="hours"),
        monthly("round", "unlimited", "2026-04-15", credit_type="hours"),
        consume("e1", "7", "2026-03-10", credit_type="hours"),
    )
    flags = ("unlimited_used", "once_unlimited", "monthly_unlimited", "consumed", "consumption_count")
    assert figures(results, "2026-03", *flags) == ("7", True, False, "7", 1)
    assert figures(results, "2026-04", *flags) == ("0", True, True, "0", 0)
    assert figures(results, "2026-05", *flags) == ("0", False, True, "0", 0)


def test_months_without_anything_have_no_row():
    """A lot with a rest keeps its months; one used up, a void of it, and a consumption reversed in full do not (5.5)."""
    undone = consume("undone", "5", "2026-05-05")
    results = derived(
        grant("g1", "10", "2026-01-05"),
        consume("e1", "10", "2026-03-10"),
        void("g1", "2026-04-10"),
        undone,
        reverse(undone),
    )
    # Until 10 March there are 10; afterwards nothing but a void of nothing and a consumption of nothing.
    assert months(results) == ["2026-01", "2026-02", "2026-03"]


def test_a_month_after_the_clock_has_a_row_where_it_has_consumption():
    """Rows go up to the later of the clock's month and the last month with consumption (5.5)."""
    results = derived(grant("g1", "10", "2026-05-05"), consume("e1", "4", "2026-07-01"))
    assert months(results) == ["2026-05", "2026-06", "2026-07"]


def test_months_are_those_of_the_zone_across_a_clock_change():
    """At 23:30 UTC on 31 March it is April in Lisbon, which is an hour ahead since the 29th (4.3)."""
    results = derived(
        grant("g1", "10", "2026-03-05"),
        consume("e1", "1", "2026-03-31T22:59:59.999999Z"),
        consume("e2", "2", "2026-03-31T23:00:00Z"),
        zone_name="Europe/Lisbon",
    )
    assert figures(results, "2026-03", "once_used") == ("1",)
    assert figures(results, "2026-04", "once_used") == ("2",)


def test_a_month_is_final_when_its_end_is_settled():
    """The boundary is the least `accept_from` of the three topics; a month that ends there is final, the next is not (5.4)."""
    told = grant("g1", "10", "2026-01-05"), time_advanced("2026-06-15", "2026-04-01")
    results = derived(*told, as_of=None)
    assert [(row["month"], row["final"]) for row in results["snapshots"]] == [
        ("2026-01", True),
        ("2026-02", True),
        ("2026-03", True),
        ("2026-04", False),
        ("2026-05", False),
        ("2026-06", False),
    ]


def test_nothing_is_final_until_all_three_topics_have_a_window():
    """A partition number has no boundary while one of its topics accepts all (2.3)."""
    clock = time_advanced("2026-06-15", "2026-04-01")
    results = derived(
        grant("g1", "10", "2026-01-05"),
        placed(clock, topic="credits.grants"),
        placed(clock, topic="credits.voids"),
        as_of="2026-02-01",
    )
    assert {row["final"] for row in results["snapshots"]} == {False}


def test_each_partition_number_has_a_clock_of_its_own():
    """The last `as_of` of another partition number is the instant asked about, but moves no months here (2.3, 8)."""
    log = (
        placed(grant("g1", "10", "2026-01-05")),
        placed(grant("g2", "10", "2026-01-05", customer_id="c2"), partition=1),
        placed(time_advanced("2026-02-10"), topic="credits.grants"),
        placed(time_advanced("2026-03-10"), topic="credits.voids", partition=1),
    )
    by_default = derived(*log, as_of=None)
    assert [(row["customer_id"], row["month"]) for row in by_default["snapshots"]] == [
        ("c1", "2026-01"), ("c1", "2026-02"), ("c2", "2026-01"), ("c2", "2026-02"), ("c2", "2026-03"),
    ]  # fmt: skip
    assert {row["as_of"] for row in by_default["balances"]} == {"2026-03-10T00:00:00Z"}
    told = derived(*log, as_of="2026-03-10")
    assert months(told) == ["2026-01", "2026-02", "2026-03"] * 2


def test_without_any_time_told_the_last_recorded_at_is_asked_about():
    """Where no event says how late it is, the greatest `recorded_at` does, also of an event that was refused (8)."""
    results = derived(grant("g1"), grant("g1", "90", recorded_at="2026-04-02"), as_of=None)
    assert results["balances"][0]["as_of"] == "2026-04-02T00:00:00Z"
    assert months(results) == ["2026-03", "2026-04"]


def test_a_clock_without_months_and_consumption_makes_no_monthly_lots():
    """A partition number that has neither a clock nor consumption lists no monthly lot and no month (8.3)."""
    log = monthly("m1", "40", "2026-01-05"), placed(time_advanced("2026-03-10"), topic="credits.grants", partition=1)
    results = derived(*log, as_of=None)
    assert (results["lots"], results["snapshots"]) == ([], [])
    # The lot of March is valid at the instant asked about, though it is not listed.
    assert results["balances"][0]["granted"] == "40"


def test_before_the_boundary_there_is_no_answer():
    """An instant before what is settled is refused; the boundary itself is answered (6.1)."""
    told = grant("g1", "10", "2026-01-05"), time_advanced("2026-06-15", "2026-04-01")
    assert derived(*told, as_of="2026-04-01")["balances"][0]["balance"] == "10"
    with pytest.raises(SettingsError, match="2026-04-01T00:00:00Z"):
        derived(*told, as_of="2026-03-31T23:59:59.999999Z")


def test_a_balance_with_what_later_bookings_will_take():
    """Used is up to and including the instant; committed is what comes after it; restricted is what has a scope (6.1)."""
    results = derived(
        grant("a", "100", "2026-05-01", expires_at="2026-06-01", priority=1),
        grant("b", "30", "2026-05-01", expires_at="2026-07-01", scope=["ADDON"]),
        grant("gone", "500", "2026-04-01", expires_at="2026-05-15T12:00:00Z", priority=99),
        consume("e1", "10", "2026-05-15T12:00:00Z"),
        consume("e2", "25", "2026-05-20"),
        consume("e3", "1000", "2026-04-20"),
    )
    # a: 100 - 10 = 90, of which 25 are booked: 65. b: 30, untouched, but for add-ons only. gone ended at that very instant.
    assert results["balances"] == [
        {
            "organization_id": "o1",
            "customer_id": "c1",
            "credit_type": "coins",
            "as_of": "2026-05-15T12:00:00Z",
            "granted": "130",
            "used": "10",
            "balance": "120",
            "committed": "25",
            "available": "95",
            "restricted": "30",
            "unlimited": False,
            "next_expiry": "2026-06-01T00:00:00Z",
            "next_expiry_amount": "65",
            "overage": "0",
        }
    ]


def test_what_lapses_next_looks_past_lots_with_nothing_left():
    """A lot that is booked out lapses nothing; lots of one end are told together, a later void is an end too (6.1)."""
    results = derived(
        grant("booked", "10", "2026-05-01", expires_at="2026-06-01"),
        grant("a", "20", "2026-05-01", expires_at="2026-08-01"),
        grant("b", "30", "2026-05-01", expires_at="2026-12-31"),
        void("b", "2026-08-01"),
        consume("e1", "10", "2026-05-20"),
    )
    assert [(row["next_expiry"], row["next_expiry_amount"]) for row in results["balances"]] == [("2026-08-01T00:00:00Z", "50")]


def test_a_balance_counts_the_overage_of_the_month_so_far():
    """Overage of this local month up to and including the instant; not of months before, not of later bookings (6.1)."""
    results = derived(
        consume("before", "1", "2026-04-30T22:59:59Z"),
        consume("first", "2", "2026-04-30T23:00:00Z"),
        consume("now", "4", "2026-05-15T12:00:00Z"),
        consume("later", "8", "2026-05-15T12:00:00.000001Z"),
        zone_name="Europe/Lisbon",
    )
    assert [row["overage"] for row in results["balances"]] == ["6"]


def test_an_account_with_an_unlimited_lot_says_so():
    """An unlimited lot shows in `unlimited` only: the figures are those of limited lots (6.1)."""
    results = derived(
        grant("flat", "unlimited", credit_type="hours"),
        consume("e1", "5", credit_type="hours"),
        consume("x", credit_type="usd"),
    )
    told = [(row["credit_type"], row["unlimited"], row["granted"], row["used"]) for row in results["balances"]]
    assert told == [("hours", True, "0", "0"), ("usd", False, "0", "0")]


def send(event_id, amount, occurred_at, *, processed, **fields):
    activity = CampaignSend("spring", "soho", "SMS", "PLAN", processed)
    return consume(event_id, amount, occurred_at, activity=activity, **fields)


def test_campaign_counters_by_local_day_net_of_reversals():
    """A send reversed in part keeps its count, one reversed in full has none and leaves no row (7.1)."""
    in_part = send("e1", "50", "2026-03-14T03:30:00Z", processed=50)
    in_full = send("e2", "20", "2026-03-20T12:00:00Z", processed=20)
    results = derived(
        in_part,
        reverse(in_part, "10"),
        send("e3", "5", "2026-03-14T03:59:59Z", processed=7),
        in_full,
        reverse(in_full),
        zone_name="America/New_York",
    )
    # New York is four hours behind since 8 March: both sends lie on the 13th. 50 - 10 + 5 credits, 50 + 7 messages.
    assert results["campaign_usage"] == [
        {
            "organization_id": "o1",
            "customer_id": "c1",
            "credit_type": "coins",
            "campaign_id": "spring",
            "center_id": "soho",
            "day": "2026-03-13",
            "channel": "SMS",
            "credit_source": "PLAN",
            "processed": 57,
            "credits": "45",
        }
    ]


def test_the_last_campaign_and_name_in_the_log_stand():
    """Master data knows no duplicates and no windows: the last one stands (1.9, 1.10)."""
    results = derived(
        campaign(status="LIVE"), campaign(status="PAUSED"),
        name("c1", "Old"), time_advanced("2026-06-15", "2026-04-01"), name("c1", "New", occurred_at="2026-01-01"),
        name("soho", "SoHo", kind="CENTER"),
    )  # fmt: skip
    assert results["campaigns"] == [
        {
            "organization_id": "o1",
            "campaign_id": "spring",
            "name": "Spring",
            "campaign_type": "SCHEDULED",
            "created_from": "CENTER",
            "created_from_id": None,
            "targeted": 100,
            "channel": "EMAIL",
            "credit_source": "PLAN",
            "status": "PAUSED",
        }
    ]
    assert [(row["kind"], row["name"]) for row in results["names"]] == [("CENTER", "SoHo"), ("CUSTOMER", "New")]
    assert (results["refusals"], results["duplicates"]) == ([], 0)


def conflicts(results):
    return [(row["topic"], row["event_id"], row["conflict"], row["detail"]) for row in results["conflicts"]]


def test_a_void_or_reversal_that_finds_nothing():
    """A void needs a grant of the same customer; a reversal needs both the id and the instant (3.10)."""
    used = consume("e1", "10", "2026-03-10")
    results = derived(
        grant("g1", customer_id="c2"), used, void("g1", "2026-03-20"), reverse(("e1", "2026-03-11"), event_id="r1"),
    )  # fmt: skip
    assert conflicts(results) == [
        (
            "credits.consumption",
            "r1",
            "reversal_without_consumption",
            "no consumption e1 at 2026-03-11T00:00:00Z was accepted for this customer",
        ),
        ("credits.voids", "void-of-g1", "void_without_grant", "no grant g1 was accepted for this customer"),
    ]


def test_reversals_take_at_most_what_is_left():
    """As they occurred, each takes what it asks for or what is left; one without amount never exceeds (3.10)."""
    used = consume("e1", "10", "2026-03-10")
    results = derived(
        used,
        reverse(used, None, "2026-03-23", event_id="r3"),
        reverse(used, "5", "2026-03-22", event_id="r2"),
        reverse(used, "7.5", "2026-03-21", event_id="r1"),
    )
    assert conflicts(results) == [
        ("credits.consumption", "r2", "reversal_exceeds_consumption", "asked for 5, 2.5 was left"),
    ]
    assert results["allocations"][0]["reversed"] == "10"


def test_what_the_catalog_does_not_know_has_no_effect():
    """Neither lots, nor allocations, counters or balances; but a void or reversal that names it finds it (3.10)."""
    used = send("e1", "10", "2026-03-10", processed=1, credit_type="eur")
    results = derived(
        grant("g1", "unlimited", credit_type="eur"),
        void("g1"),
        used,
        reverse(used, "20"),
        grant("g2", "unlimited", credit_type="coins"),
    )
    assert conflicts(results) == [
        ("credits.consumption", "e1", "unknown_credit_type", "the catalog has no credit type eur"),
        ("credits.consumption", "reversal-of-e1", "reversal_exceeds_consumption", "asked for 20, 10 was left"),
        ("credits.grants", "g1", "unknown_credit_type", "the catalog has no credit type eur"),
        ("credits.grants", "g2", "unlimited_not_allowed", "the catalog allows no unlimited coins"),
    ]
    lists = ("snapshots", "lots", "allocations", "balances", "campaign_usage")
    assert [results[name_of_list] for name_of_list in lists] == [[], [], [], [], []]


def test_the_names_and_the_order_of_what_is_told():
    """A snapshot tells its figures in the order of the rule book, `final` last (8.3)."""
    results = derived(grant("g1", "12.50", "2026-05-01"))
    assert list(results) == [
        "snapshots", "lots", "allocations", "balances", "campaign_usage", "conflicts", "campaigns", "names", "refusals",
        "duplicates",
    ]  # fmt: skip
    assert results["snapshots"] == [
        {
            "organization_id": "o1",
            "customer_id": "c1",
            "credit_type": "coins",
            "month": "2026-05",
            **dict(zip(ONCE, ("0", "12.5", "0", "0", "0", "12.5"), strict=True)),
            **dict.fromkeys(MONTHLY, "0"),
            "unlimited_used": "0",
            "once_unlimited": False,
            "monthly_unlimited": False,
            "overage": "0",
            "consumed": "0",
            "consumption_count": 0,
            "final": False,
        }
    ]


def test_rows_are_sorted_by_their_keys_and_instants_by_time():
    """At a tenth of a second after the whole one the text would sort before it; the instant sorts after it (8)."""
    results = derived(consume("e1", "1", "2026-03-10T00:00:00.1Z"), consume("e2", "1", "2026-03-10T00:00:00Z"))
    assert [row["event_id"] for row in results["allocations"]] == ["e2", "e1"]


def test_no_records_give_empty_books():
    """Of nothing follows nothing."""
    results = derive([], catalog=catalog())
    assert {key: value for key, value in results.items() if value} == {}
