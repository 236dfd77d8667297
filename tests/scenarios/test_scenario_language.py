"""The language of the scenarios: it reads what its README tells, refuses what it does not know, and can be contradicted."""

import re

import pytest

from tests.support.scenario_events import SaidBytes, SaidEvent, SaidLine, SaidRow, SaidTime
from tests.support.scenario_expectations import RowExpected
from tests.support.scenario_language import Asked, Expectation, Happened, Known, Scenario, ScenarioError, parse_scenario
from tests.support.scenario_runner import ENGINES, faults_of

HEAD = "# It is said.\nrule 4.7\n"
ENGINE = ENGINES["one-batch"]
BOOKS = """
as of 2026-04-30
credits hours
given 2026-03-01 grant g1 100 hours once expires 2026-04-01
      2026-03-01 grant m1 10 hours monthly priority 60
      2026-03-10 consume e1 30 hours send k1 center z1 channel SMS source gifts processed 3 cost 9 EUR
      2026-03-11 reverse r1 of e1 consumed 2026-03-10 amount 5
      2026-03-12 void g9
      2026-03-12 campaign k1 name Spring type SCHEDULED from CENTER targeted 5 channel SMS source gifts status LIVE
      2026-03-12 name CUSTOMER c1 "Oak House"
when  2026-03-10 consume e1 31 hours
      2026-03-12 void g9
"""


def parse(text: str) -> Scenario:
    return parse_scenario(HEAD + text, file="some.scenario")


def said_by(line: str) -> object:
    scenario = parse(f"given {line}\nthen conflicts 0")
    return next(step.said for step in scenario.steps if isinstance(step, Happened))


def expected_by(line: str) -> object:
    return next(step.expected for step in parse(f"then {line}").steps if isinstance(step, Expectation))


def test_a_file_says_what_it_promises_and_which_rules():
    """The head of a file is a sentence and the rules that it shows."""
    scenario = parse_scenario("# Soonest end first.\nrule 4.7 4.8\nthen conflicts 0\n", file="4.7_x.scenario")
    assert (scenario.name, scenario.sentence, scenario.rules) == ("4.7_x", "Soonest end first.", ("4.7", "4.8"))


def test_a_grant_line_becomes_its_json_form():
    """What a grant line says stands under the names of the event's fields; what it does not say is left out."""
    said = said_by(
        "2026-03-01 grant g1 12.5 coins monthly name 'n' priority 3 effective 2026-03-02 08:30 "
        'expires 2026-04-01T00:00:00+02:00 scope ADDON scope "LICENSE:a b" unit-cost 2 EUR for c9 in o9'
    )
    assert isinstance(said, SaidEvent)
    assert said.fields == {
        "type": "CreditGranted",
        "event_id": "grant-g1",
        "organization_id": "o9",
        "customer_id": "c9",
        "occurred_at": "2026-03-01T00:00:00Z",
        "grant_id": "g1",
        "amount": "12.5",
        "credit_type": "coins",
        "cadence": "MONTHLY",
        "name": "'n'",
        "priority": 3,
        "effective_at": "2026-03-02T08:30:00Z",
        "expires_at": "2026-04-01T00:00:00+02:00",
        "scope": [{"kind": "ADDON"}, {"kind": "LICENSE", "item": "a b"}],
        "unit_cost": "2",
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("words", "activity"),
    [
        ("", {"type": "Other", "label": "use"}),
        ("other lunch", {"type": "Other", "label": "lunch"}),
        ("booking b1 resource Room", {"type": "Booking", "booking_id": "b1", "resource": "Room"}),
        (
            "send k1 center z1 channel SMS source gifts processed 3",
            {
                "type": "CampaignSend",
                "campaign_id": "k1",
                "center_id": "z1",
                "channel": "SMS",
                "credit_source": "gifts",
                "processed": 3,
            },
        ),
        (
            "session s1 staff A client B program C minutes 50",
            {"type": "Session", "session_id": "s1", "staff": "A", "client": "B", "program": "C", "minutes": 50},
        ),
        (
            "top-up d1 staff A client B program C",
            {"type": "DailyTopUp", "device_id": "d1", "staff": "A", "client": "B", "program": "C"},
        ),
        (
            "invoice i1 line l1 kind ADDON item seat",
            {"type": "LineItem", "invoice_id": "i1", "line_id": "l1", "kind": "ADDON", "item": "seat"},
        ),
    ],
)
def test_each_activity_has_its_words(words: str, activity: dict[str, object]):
    """An activity is told by a word and the words of its fields; options of the event follow it."""
    said = said_by(f"2026-03-01 consume e1 2 coins {words} cost 3 EUR actor ana")
    assert isinstance(said, SaidEvent)
    assert said.fields["activity"] == activity
    assert (said.fields["cost"], said.fields["currency"], said.fields["actor"]) == ("3", "EUR", "ana")


def test_the_other_events_have_their_words():
    """Reversals, voids, campaigns and names become their JSON forms; master data has no customer."""
    reversal, campaign = (
        said_by("2026-03-02 reverse r1 of e1 consumed 2026-03-01 amount 2 reason late"),
        said_by("2026-03-02 campaign k1 name n type ALWAYS_ON from ZONE from-id z targeted 4 channel SMS source s status LIVE"),
    )
    assert isinstance(reversal, SaidEvent)
    assert isinstance(campaign, SaidEvent)
    assert reversal.fields["consumption_event_id"] == "e1"
    assert reversal.fields["consumed_at"] == "2026-03-01T00:00:00Z"
    assert (reversal.fields["amount"], reversal.fields["reason"]) == ("2", "late")
    assert campaign.fields["created_from_id"] == "z"
    assert campaign.fields["targeted"] == 4
    assert "customer_id" not in campaign.fields


def test_time_lines_rows_and_bytes():
    """What is no ordinary event has its own words, and lines and rows are kept letter by letter."""
    time = said_by("time 2026-05-01 accept from 2026-02-28 on topic credits.voids on partition 1")
    assert isinstance(time, SaidTime)
    assert (time.as_of, time.accept_from) == ("2026-05-01T00:00:00Z", "2026-02-28T00:00:00Z")
    assert (time.placement.topic, time.placement.partition) == ("credits.voids", 1)
    assert said_by('line {"a": "# b"}   ') == SaidLine('{"a": "# b"}')
    assert said_by("columns CreditConsumed:Booking a,b\n      row 1,# 2") == SaidRow(
        "CreditConsumed", "Booking", "a,b", "1,# 2"
    )
    value = said_by("bytes 00ff on topic credits.grants stamped 2026-03-01")
    assert isinstance(value, SaidBytes)
    assert value.value == b"\x00\xff"
    assert value.placement.stamped == "2026-03-01T00:00:00Z"


def test_settings_and_catalog_hold_from_their_line_on():
    """A catalog or an instant holds for the expectations after it."""
    scenario = parse("zone Europe/Lisbon\nas of 2026-03-01\nthen conflicts 0\ncatalog type stars unlimited\nthen conflicts 0")
    known = [step for step in scenario.steps if isinstance(step, Known)]
    assert known[1].catalog.zone_name("o1") == "Europe/Lisbon"
    assert set(known[-1].catalog.credit_types) == {"stars"}
    assert [step.as_of for step in scenario.steps if isinstance(step, Asked)] == [1_772_323_200_000_000]


def test_an_expectation_compares_what_it_names():
    """Only named figures are compared, under the names of the results."""
    expected = expected_by(
        "month 2026-03 once opening 1 unlimited no monthly used 2 unlimited-used 3 count 4 final yes of hours"
    )
    assert expected == RowExpected(
        "snapshots",
        {"organization_id": "o1", "customer_id": "c1", "credit_type": "hours", "month": "2026-03"},
        {
            "once_opening": "1",
            "once_unlimited": False,
            "monthly_used": "2",
            "unlimited_used": "3",
            "consumption_count": 4,
            "final": True,
        },
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("given 2026-03-01 lend g1 5 coins once\nthen conflicts 0", "line 3: unknown word 'lend'"),
        ("given 2026-03-01 grant g1 5 coins weekly\nthen conflicts 0", "line 3: unknown word 'weekly'"),
        ("given 2026-03-01 grant g1 5 coins once colour red\nthen conflicts 0", "line 3: unknown word 'colour'"),
        ("given 2026-03-01 consume e1 5 coins booking b1 center z1\nthen conflicts 0", "line 3: unknown word 'center'"),
        ("given 2026-03-01 reverse r1 e1\nthen conflicts 0", "line 3: the word 'of' should stand where 'e1' is"),
        ("given 2026-03-01 grant g1 five coins once\nthen conflicts 0", "line 3: 'five' is no amount"),
        ("given 1.3.2026 grant g1 5 coins once\nthen conflicts 0", "line 3: '1.3.2026' is no instant"),
        ("given 2026-02-30 grant g1 5 coins once\nthen conflicts 0", "line 3: '2026-02-30' is in no calendar"),
        ('given 2026-03-01 grant "g1 5 coins once\nthen conflicts 0', "line 3: cannot read"),
        ("given 2026-03-01 grant g1\nthen conflicts 0", "line 3: amount is missing"),
        ("given bytes xyz on topic credits.grants\nthen conflicts 0", "line 3: 'xyz' is no bytes"),
        ("given row 1,2\nthen conflicts 0", "line 3: a row needs `columns`"),
        ("given columns Loan a,b\nthen conflicts 0", "line 3: unknown word 'Loan'"),
        ("then\n     lot g1 colour red", "line 4: unknown word 'colour'"),
        ("then month 2026-03 once unused 5", "line 3: unknown word 'unused'"),
        ("then month 2026-03 opening 5", "line 3: unknown word 'opening'"),
        ("then month 2026-03 overage 5 overage 6", "line 3: overage is told twice"),
        ("then month March overage 5", "line 3: 'March' is no month"),
        ("then month 2026-03 final maybe", "line 3: 'maybe' is no yes or no"),
        ("then no lot g1 rest 5", "line 3: what is absent has no figures"),
        ("then e1 got 5 by g1", "line 3: unknown word 'e1'"),
        ("then only weeks 1", "line 3: unknown word 'weeks'"),
        ("then only months", "line 3: no month is named"),
        ("then range 2026-01 2026-02", "line 3: no figure is named"),
        ("then nothing changes at all", "line 3: unknown word 'at'"),
        ("then conflicts many", "line 3: 'many' is no whole number"),
        ("colour red\nthen conflicts 0", "line 3: unknown word 'colour' at the beginning of a line"),
        ("  lot g1\nthen conflicts 0", "line 3: 'lot g1' belongs to no block"),
        ("catalog planet mars\nthen conflicts 0", "line 3: the word 'organization' should stand where 'planet' is"),
        ("zone Europe/Atlantis\nthen conflicts 0", "line 3: catalog: organizations.o1.time_zone"),
        ("given 2026-03-01 void g1\npartitions 2\nthen conflicts 0", "line 4: partitions must be told before"),
        ("given 2026-03-01 void g1\nlive grants 2\nthen conflicts 0", "line 4: live grants must be told before"),
        ("live lots 2\nthen conflicts 0", "line 3: the word 'grants' should stand where 'lots' is"),
        ("given 2026-03-01 void g1", "line 3: nothing is expected"),
    ],
)
def test_what_is_not_known_is_an_error_that_names_it(text: str, complaint: str):
    """An error names the file, the line and the word."""
    with pytest.raises(ScenarioError, match=re.escape("some.scenario, " + complaint)):
        parse(text)


@pytest.mark.parametrize("text", ["rule 4.7\nthen conflicts 0", "# It is said.\nthen conflicts 0", "# It is said."])
def test_a_file_without_its_head_is_an_error(text: str):
    """The sentence and the rule are required."""
    with pytest.raises(ScenarioError, match=r"x\.scenario, line [12]: the (first|second) line must"):
        parse_scenario(text, file="x.scenario")


def test_what_only_a_topic_or_only_a_file_can_say_is_an_error():
    """A place needs `partitions`, and a raw line needs a file."""
    for text in ("given 2026-03-01 void g1 on partition 0\n", "given time 2026-03-01 stamped 2026-03-01\n", "given bytes 00\n"):
        with pytest.raises(ScenarioError, match="`partitions` is missing"):
            faults_of(parse(text + "then conflicts 0"), ENGINE)
    with pytest.raises(ScenarioError, match="`partitions` is too much"):
        faults_of(parse("partitions 1\ngiven line {}\nthen conflicts 0"), ENGINE)


# One line of each kind that holds for BOOKS, and the same with something wrong.
CONTRADICTED = [
    ("lot g1 used 25 expired 75", "lot g1 used 25 expired 74"),
    ("lot g1 end 2026-04-01", "lot g1 end none"),
    ("lot m1 2026-03-01 unused 10", "lot m1 2026-03-02 unused 10"),
    ("no lot g2", "no lot g1"),
    ("only lots m1 2026-03-01 2026-04-01", "only lots m1 2026-03-01"),
    ("month 2026-03 once closing 0 used 25", "month 2026-03 once closing 1 used 25"),
    ("month 2026-03 monthly unlimited no", "month 2026-03 monthly unlimited yes"),
    ("month 2026-03 count 1", "month 2026-03 count 2"),
    ("no month 2026-05", "no month 2026-04"),
    ("only months 2026-03 2026-04", "only months 2026-03 2026-04 2026-05"),
    ("range 2026-03 2026-04 monthly granted 20", "range 2026-03 2026-04 monthly granted 10"),
    ("e1 paid 25 by g1 reversed 5", "e1 paid 25 by m1 reversed 5"),
    ("e1 paid 25 by g1 2026-03-01", "e1 paid 25 by g1 2026-03-02"),
    ("e1 paid 25 by g1", "e1 paid 24 by g1, 1 by m1"),
    ("e1 paid 25 by g1", "e1 paid nothing"),
    ("e1 paid cost 7.5 EUR", "e1 paid cost 7.5 EUR cost 1 USD"),
    ("e1 paid cost 7.5 EUR", "e1 paid cost none"),
    ("e1 paid overage 0 at 2026-03-10", "e1 paid overage 0 at 2026-03-11"),
    ("no e2 paid", "no e1 paid"),
    ("balance granted 10 unlimited no", "balance granted 11 unlimited no"),
    ("balance next-expiry 2026-05-01", "balance next-expiry none"),
    ("no balance of coins", "no balance"),
    ("usage k1 day 2026-03-10 processed 3 credits 25", "usage k1 day 2026-03-10 processed 2 credits 25"),
    ("no usage k1 day 2026-03-11", "no usage k1 day 2026-03-10"),
    ("conflict void_without_grant void-g9 at 2026-03-12", "conflict void_without_grant void-g9 at 2026-03-13"),
    ("no conflict void_without_grant void-g1", "no conflict void_without_grant void-g9"),
    ("conflicts 1", "conflicts 0"),
    ("refusal event_conflict field event_id offset 8", "refusal event_conflict field event_id offset 9"),
    ("no refusal too_late", "no refusal event_conflict"),
    ("refusals 1", "refusals 2"),
    ("duplicates 1", "duplicates 0"),
    ("campaign k1 name Spring from-id none targeted 5", "campaign k1 name Spring from-id none targeted 6"),
    ("no campaign k2", "no campaign k1"),
    ('name CUSTOMER c1 "Oak House"', 'name CUSTOMER c1 "Elm House"'),
    ("no name CENTER c1", "no name CUSTOMER c1"),
    ("lot g1 for c1 in o1 of hours", "lot g1 for c2 in o1 of hours"),
]


@pytest.mark.parametrize(("right", "wrong"), CONTRADICTED, ids=[wrong for _, wrong in CONTRADICTED])
def test_a_wrong_figure_makes_a_scenario_fail(right: str, wrong: str):
    """Every kind of expectation holds where it is right and fails where one thing in it is wrong."""
    assert faults_of(parse(f"{BOOKS}then {right}"), ENGINE) == []
    assert faults_of(parse(f"{BOOKS}then {wrong}"), ENGINE) != []


def test_a_fault_names_the_scenario_the_line_and_both_figures():
    """Who reads a failure sees where it was expected, what was, and what is."""
    (fault,) = faults_of(parse(f"{BOOKS}then lot g1 used 26"), ENGINE)
    assert fault == "some, line 15: used should be '26', is '25'"


def test_nothing_changes_can_fail():
    """`nothing changes` compares with the books before the last block of events, not with older ones."""
    assert faults_of(parse(f"{BOOKS}then nothing changes"), ENGINE) == []
    assert faults_of(parse(f"{BOOKS}when 2026-03-13 consume e3 1 hours\nthen nothing changes"), ENGINE) != []
    later = f"{BOOKS}when 2026-03-13 consume e3 1 hours\nwhen 2026-03-13 consume e3 1 hours\nthen nothing changes"
    assert faults_of(parse(later), ENGINE) == []


def test_unanswerable_can_fail():
    """`unanswerable` holds only where there is no answer, and nothing else holds there."""
    settled = "as of 2026-01-01\ngiven time 2026-05-01 accept from 2026-02-28\n"
    assert faults_of(parse(f"{settled}then unanswerable"), ENGINE) == []
    assert faults_of(parse(f"{settled}then conflicts 0"), ENGINE) != []
    assert faults_of(parse(f"{BOOKS}then unanswerable"), ENGINE) != []
