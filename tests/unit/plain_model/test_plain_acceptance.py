"""The verdicts of the plain model: what is counted, what is refused and why (docs/ledger.md 2 and 3)."""

from plain_model import derive
from schemas import topics
from schemas.events import DailyTopUp, LineItem, TimeAdvanced
from schemas.records import Place, Reroute
from schemas.refusals import Reason, Refusal
from tests.support.building import catalog, consume, grant, placed, records, reverse, time_advanced, void

OPENED = time_advanced("2026-05-15T12:00:00Z", "2026-03-14")
"""The time as a worker tells it: accepted is what is dated from 14 March on."""


def derived(*contents, as_of=None):
    return derive(records(*contents), catalog=catalog(), as_of=as_of)


def reasons(results):
    return [(row["topic"], row["offset"], row["reason"], row["field"]) for row in results["refusals"]]


def test_a_copy_is_counted_and_changes_nothing():
    """A second delivery with another `recorded_at`, of a grant also with another `event_id`, is a duplicate (3.3)."""
    once = derived(grant(), consume("e1", "10", "2026-03-10"), as_of=0)
    twice = derived(
        grant(),
        grant(event_id="another", recorded_at="2026-03-02"),
        consume("e1", "10", "2026-03-10"),
        consume("e1", "10", "2026-03-10", recorded_at="2026-03-11"),
        as_of=0,
    )
    assert twice == {**once, "duplicates": 2}


def test_other_content_under_the_same_id_is_refused_and_names_the_one_that_stands():
    """The first in the log stands; the refusal says where it lies (3.4)."""
    results = derived(consume("e1", "10", "2026-03-10"), consume("e1", "12", "2026-03-10"))
    assert results["refusals"] == [
        {
            "topic": "credits.consumption",
            "partition": 0,
            "offset": 1,
            "reason": "event_conflict",
            "field": "event_id",
            "detail": "e1 was accepted before with other content, at credits.consumption/0/0",
        }
    ]
    assert results["allocations"][0]["amount"] == "10"


def test_a_grant_is_known_by_its_grant_id():
    """Another amount under one `grant_id` is a `grant_conflict`; the actor is content too (3.3, 3.4)."""
    results = derived(grant("g1", "100"), grant("g1", "90"), grant("g1", "100", actor="somebody"))
    assert reasons(results) == [
        ("credits.grants", 1, "grant_conflict", "grant_id"),
        ("credits.grants", 2, "grant_conflict", "grant_id"),
    ]
    assert results["refusals"][0]["detail"] == "g1 was accepted before with other content, at credits.grants/0/0"


def test_consumption_and_reversals_share_their_ids_but_customers_and_topics_do_not():
    """The id of a consumption is taken for a reversal; another customer and another topic may use it (3.3)."""
    first = consume("e1", "10", "2026-03-10")
    results = derived(first, reverse(first, event_id="e1"), consume("e1", customer_id="c2"), grant(), void(event_id="e1"))
    assert reasons(results) == [("credits.consumption", 1, "event_conflict", "event_id")]


def test_two_activities_of_the_same_texts_are_not_the_same_content():
    """A top-up and an invoice line may consist of the same four texts; they are told apart all the same (3.4)."""
    texts = ("a", "b", "ADDON", "d")
    results = derived(consume("e1", activity=DailyTopUp(*texts)), consume("e1", activity=LineItem(*texts)))
    assert reasons(results) == [("credits.consumption", 1, "event_conflict", "event_id")]
    assert results["duplicates"] == 0


def test_too_late_names_the_first_field_that_lies_before_the_window():
    """`occurred_at` is looked at first, then a grant's `effective_at` or a reversal's `consumed_at` (3.5)."""
    results = derived(
        OPENED,
        grant("early", occurred_at="2026-03-13", effective_at="2026-03-13"),
        grant("ahead", occurred_at="2026-03-20", effective_at="2026-03-13T23:59:59.999999Z"),
        grant("just", occurred_at="2026-03-14", effective_at="2026-03-14"),
        consume("late", occurred_at="2026-03-13"),
        reverse(("late", "2026-03-13"), occurred_at="2026-03-20"),
    )
    assert reasons(results) == [
        ("credits.consumption", 1, "too_late", "occurred_at"),
        ("credits.consumption", 2, "too_late", "consumed_at"),
        ("credits.grants", 1, "too_late", "occurred_at"),
        ("credits.grants", 2, "too_late", "effective_at"),
    ]
    assert results["refusals"][0]["detail"] == "lies before 2026-03-14T00:00:00Z, from which on this topic partition accepts"
    assert [lot["grant_id"] for lot in results["lots"]] == ["just"]


def test_too_early_is_more_than_400_days_after_the_record():
    """400 days to the microsecond are accepted, one more is not; `effective_at` may lie ahead without limit (3.5)."""
    results = derived(
        placed(consume("ahead", occurred_at="2027-02-05", recorded_at="2026-01-01"), timestamp="2026-01-01"),
        placed(consume("more", occurred_at="2027-02-05T00:00:00.000001Z", recorded_at="2026-01-01"), timestamp="2026-01-01"),
        placed(grant("later", occurred_at="2026-01-01", effective_at="2030-01-01"), timestamp="2026-01-01"),
    )
    # 2026 has 365 days, so 400 days after 1 January 2026 is 35 days after 1 January 2027: 5 February.
    assert reasons(results) == [("credits.consumption", 1, "too_early", "occurred_at")]
    assert results["refusals"][0]["detail"] == "lies more than 400 days after the record's timestamp"
    assert results["lots"][0]["start"] == "2030-01-01T00:00:00Z"


def test_one_grant_too_many_is_refused_until_another_has_expired():
    """Expired is what ends at or before the window of the grants' topic; voids free no place (3.11)."""
    log = records(
        grant("g1", occurred_at="2026-03-01", expires_at="2026-03-14"),
        grant("g2"),
        grant("g3"),
        grant("g3", credit_type="hours"),
        grant("g3", customer_id="c2"),
        void("g2"),
        placed(OPENED, topic=topics.CONSUMPTION),
        placed(time_advanced("2026-05-15T12:00:00Z", "2026-03-13T23:59:59.999999Z"), topic=topics.GRANTS),
        grant("g4", occurred_at="2026-03-20"),
        grant("g2"),
        placed(OPENED, topic=topics.GRANTS),
        grant("g4", occurred_at="2026-03-20"),
    )
    results = derive(log, catalog=catalog(), live_grants_max=2)
    assert reasons(results) == [
        ("credits.grants", 2, "too_many_grants", "grant_id"),
        ("credits.grants", 6, "too_many_grants", "grant_id"),
    ]
    assert results["refusals"][1]["detail"] == (
        "g4 is one too many: the account has 2 grants that have not expired, and the limit is 2; "
        "let grants expire, or grant in larger pieces"
    )
    assert (results["duplicates"], len(results["lots"])) == (1, 5)


def test_a_contradiction_is_named_before_what_is_too_late():
    """What is both a contradiction and too late is a contradiction while the id is remembered (3)."""
    results = derived(
        consume("e1", "10", "2026-03-20"),
        OPENED,
        consume("e1", "10", "2026-03-01"),
    )
    assert reasons(results) == [("credits.consumption", 2, "event_conflict", "event_id")]


def test_a_refused_event_takes_no_id():
    """What was refused as too late is not remembered; its id is free (3.3)."""
    results = derived(OPENED, consume("e1", "10", "2026-03-01"), consume("e1", "12", "2026-03-20"))
    assert reasons(results) == [("credits.consumption", 1, "too_late", "occurred_at")]
    assert results["allocations"][0]["amount"] == "12"


def test_an_id_is_forgotten_once_the_window_has_passed_both_instants():
    """While the window stands at the later of `occurred_at` and `recorded_at` the id is known; past it, it is free (3.7)."""
    first = consume("e1", "10", "2026-03-01", recorded_at="2026-03-14")
    again = consume("e1", "12", "2026-05-01")
    known = derived(first, OPENED, again)
    assert reasons(known) == [("credits.consumption", 2, "event_conflict", "event_id")]
    free = derived(first, time_advanced("2026-05-15T12:00:00Z", "2026-03-14T00:00:00.000001Z"), again)
    assert free["refusals"] == []
    assert [row["amount"] for row in free["allocations"]] == ["10", "12"]


def test_a_forgotten_copy_is_too_late():
    """An identical copy that comes after its id was forgotten cannot count again: it lies before the window (3.7)."""
    first = consume("e1", "10", "2026-03-01")
    results = derived(first, OPENED, first)
    assert reasons(results) == [("credits.consumption", 2, "too_late", "occurred_at")]
    assert results["duplicates"] == 0


def test_grants_and_voids_are_never_forgotten():
    """A copy of a grant or void is a duplicate however old it is (3.7)."""
    results = derived(
        grant("g1", occurred_at="2025-01-01"), void("g1", "2025-01-02"), OPENED,
        grant("g1", occurred_at="2025-01-01"), void("g1", "2025-01-02"),
    )  # fmt: skip
    assert results["duplicates"] == 2
    assert results["refusals"] == []


def test_a_void_from_before_the_window_takes_effect_where_the_window_began():
    """A void is never too late; the instant at which it takes effect stays what it was when it was accepted (3.5)."""
    results = derived(
        grant("g1", "100", "2026-01-01", expires_at="2026-12-31"),
        OPENED,
        void("g1", "2026-02-01"),
        time_advanced("2026-06-15", "2026-04-14"),
    )
    assert results["lots"][0]["end"] == "2026-03-14T00:00:00Z"
    assert results["lots"][0]["voided"] == "100"


def test_time_only_moves_forward():
    """Each of the two instants is taken apart, and a stale one does nothing (2.4)."""
    stale = TimeAdvanced(OPENED.as_of - 1, OPENED.accept_from - 1)
    with_stale = derived(OPENED, stale, consume("e1", "10", "2026-03-13T23:59:59.999999Z"))
    assert reasons(with_stale) == [("credits.consumption", 2, "too_late", "occurred_at")]


def test_what_was_refused_by_the_reader_is_listed_and_reroutes_are_not():
    """A refusal keeps its first place; a repeat of it counts once; a line without a topic comes first (3.1, 3.2, 8.3)."""
    first_place = Place(topics.GRANTS, 5, 9)
    results = derived(
        placed(Reroute(1), topic=topics.GRANTS),
        placed(Refusal(Reason.WRONG_KEY, "key", "first"), topic=topics.GRANTS, first_place=first_place),
        placed(Refusal(Reason.WRONG_KEY, "key", "again"), topic=topics.GRANTS, first_place=first_place),
        placed(Refusal(Reason.UNDECODABLE, None, "no event"), topic=""),
    )
    assert [(row["topic"], row["partition"], row["offset"], row["detail"]) for row in results["refusals"]] == [
        (None, 0, 0, "no event"),
        ("credits.grants", 5, 9, "again"),
    ]


def test_each_topic_partition_has_a_window_of_its_own():
    """The time told to one topic, or to one partition number, closes nothing on another (2.3)."""
    results = derived(
        placed(OPENED, topic=topics.GRANTS),
        placed(OPENED, topic=topics.CONSUMPTION, partition=1),
        consume("e1", "10", "2026-03-01"),
        placed(consume("e2", "10", "2026-03-01"), partition=1),
        grant("g1", occurred_at="2026-03-01"),
    )
    assert [(row["topic"], row["partition"]) for row in results["refusals"]] == [
        ("credits.consumption", 1),
        ("credits.grants", 0),
    ]


def test_the_interleaving_of_topic_partitions_changes_nothing():
    """Records of different topic partitions may come in any order between each other (4.1)."""
    used = consume("e1", "10", "2026-03-20")
    log = records(grant(), OPENED, used, reverse(used, "4"), void("g1", "2026-04-01"), void("none", "2026-04-02"))
    by_topic = sorted(log, key=lambda record: record.place.topic)
    assert derive(by_topic, catalog=catalog()) == derive(log, catalog=catalog())
