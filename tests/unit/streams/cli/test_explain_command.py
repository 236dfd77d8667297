"""`credits explain`: which lots paid for a use, why in this order, and what else was valid."""

import json

import pytest

from tests.support.expected_figures import NAMES, expected_list

_USE = {
    "type": "CreditConsumed",
    "organization_id": "o1",
    "customer_id": "c1",
    "event_id": "e",
    "occurred_at": "2026-03-05T00:00:00Z",
    "credit_type": "usd",
    "amount": "40",
    "activity": {"type": "LineItem", "invoice_id": "i1", "line_id": "1", "kind": "ADDON", "item": "backup"},
}
_GRANT = {
    "type": "CreditGranted",
    "organization_id": "o1",
    "customer_id": "c1",
    "occurred_at": "2026-03-01T00:00:00Z",
    "credit_type": "usd",
    "name": "Pack",
    "cadence": "ONCE",
    "amount": "10",
}


def grant(grant_id, **fields):
    return {**_GRANT, "event_id": f"granted-{grant_id}", "grant_id": grant_id, **fields}


def written(folder, *events):
    path = folder / "events.jsonl"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_what_paid_is_what_was_worked_out(name, run, feed, catalog):
    """For a use of every account of the examples, the payers and the overage are the hand-worked ones."""
    accounts = {(entry["customer_id"], entry["credit_type"]): entry for entry in expected_list(name, "allocations")}
    for expected in accounts.values():
        where = (expected["organization_id"], expected["customer_id"], expected["event_id"])
        at = ("--occurred-at", expected["occurred_at"])
        ended = run("explain", *where, *at, "--events", feed(name), "--catalog", catalog, "--json")
        assert ended.status == 0
        found = json.loads(ended.out)
        payers = [f"{lot['grant_id']}@{lot['start']}={lot['paid']}" for lot in found["lots"] if lot["part"] == "paid"]
        assert "; ".join(payers) == expected["paid_by"]
        assert {key: found[key] for key in ("amount", "reversed", "overage")} == {
            key: expected[key] for key in ("amount", "reversed", "overage")
        }


def test_every_lot_says_its_part_and_its_reason(run, tmp_path, catalog):
    """In burn order: what paid, what had nothing left, what was not needed, and last what is out of scope."""
    events = written(
        tmp_path,
        grant("empty", amount="5", priority=1),
        grant("first", expires_at="2026-04-01T00:00:00Z", scope=[{"kind": "ADDON"}]),
        grant("second", expires_at="2026-05-01T00:00:00Z", amount="100"),
        grant("spare"),
        grant("meters", scope=[{"kind": "USAGE_METER", "item": "gpu"}]),
        grant("later", effective_at="2026-03-06T00:00:00Z"),
        {**_USE, "event_id": "before", "occurred_at": "2026-03-02T00:00:00Z", "amount": "5"},
        _USE,
    )
    arguments = ("explain", "o1", "c1", "e", "--events", events, "--catalog", catalog)
    found = json.loads(run(*arguments, "--json").out)
    assert [(lot["grant_id"], lot["part"], lot["paid"], lot["because"]) for lot in found["lots"]] == [
        ("empty", "nothing left", "0", "comes first"),
        ("first", "paid", "10", "has priority 50, after 1"),
        ("second", "paid", "30", "ends later"),
        ("spare", "not needed", "0", "never ends, the lot before it does"),
        ("meters", "out of scope", "0", "pays only for USAGE_METER gpu; this use is ADDON backup"),
    ]
    people = run(*arguments).out
    assert people.startswith("e: LineItem of c1 at 2026-03-05T00:00:00Z, 40 usd: 40 paid by lots, 0 overage\n")
    assert "pays only for USAGE_METER gpu; this use is ADDON backup" in people


def test_overage_is_said_where_no_lot_was_valid(run, tmp_path, catalog):
    """A use that nothing could pay is all overage, and the answer says that no lot was there."""
    ended = run("explain", "o1", "c1", "e", "--events", written(tmp_path, _USE), "--catalog", catalog)
    assert ended.out.splitlines() == [
        "e: LineItem of c1 at 2026-03-05T00:00:00Z, 40 usd: 0 paid by lots, 40 overage",
        "no lot was valid at that instant",
    ]


def test_what_was_taken_back_is_said(run, tmp_path, catalog):
    """Of a use that was reversed in part, both the amount and the net are told."""
    reversal = {
        "type": "ConsumptionReversed",
        "organization_id": "o1",
        "customer_id": "c1",
        "event_id": "r",
        "occurred_at": "2026-03-06T00:00:00Z",
        "consumption_event_id": "e",
        "consumed_at": _USE["occurred_at"],
        "amount": "15",
    }
    ended = run("explain", "o1", "c1", "e", "--events", written(tmp_path, _USE, reversal), "--catalog", catalog)
    assert ended.out.startswith("e: LineItem of c1 at 2026-03-05T00:00:00Z, 25 usd (40, 15 taken back): 0 paid by lots, 25 ")


def test_an_event_id_that_was_used_again_needs_its_instant(run, tmp_path, catalog):
    """An id is free again once it is settled; then the instant says which use is meant."""
    first, second = "2026-03-05T00:00:00Z", "2026-08-01T00:00:00Z"
    clock = {"type": "TimeAdvanced", "as_of": "2026-08-01T00:00:00Z", "accept_from": "2026-05-01T00:00:00Z"}
    events = written(tmp_path, _USE, clock, {**_USE, "occurred_at": second, "amount": "7"})
    arguments = ("explain", "o1", "c1", "e", "--events", events, "--catalog", catalog)
    assert run(*arguments).sentence() == f"e was used more than once, at {first}, {second}; say which with --occurred-at"
    for instant, amount in ((first, "40"), (second, "7"), ("2026-08-01T02:00:00+02:00", "7")):
        assert json.loads(run(*arguments, "--occurred-at", instant, "--json").out)["amount"] == amount
    sentence = run(*arguments, "--occurred-at", "2026-03-06T00:00:00Z").sentence(1)
    assert sentence == "customer c1 of o1 has no consumption e at 2026-03-06T00:00:00Z in these events"
    assert run(*arguments, "--occurred-at", "noon").sentence().startswith("--occurred-at is 'noon'; it must be an instant")


def test_an_unknown_event_is_said_in_a_sentence(run, tmp_path, catalog):
    """The sentence names who and what was looked for, and how many lines did not count."""
    events = written(tmp_path, _USE)
    arguments = ("--events", events, "--catalog", catalog)
    for where in (("o1", "c1", "other"), ("o1", "other", "e"), ("other", "c1", "e")):
        sentence = f"customer {where[1]} of {where[0]} has no consumption {where[2]} in these events"
        assert run("explain", *where, *arguments).sentence(1) == sentence
    events.write_text("{}\n{}\n", encoding="utf-8")
    assert run("explain", "o1", "c1", "e", *arguments).sentence(1) == (
        "customer c1 of o1 has no consumption e in these events; of the lines given, 2 are refused ('credits fold' names them)"
    )


def test_an_event_without_effect_says_its_conflict(run, tmp_path, catalog):
    """A use of a credit type that the catalog does not list is known, and has no effect."""
    events = written(tmp_path, {**_USE, "credit_type": "stamps"})
    assert run("explain", "o1", "c1", "e", "--events", events, "--catalog", catalog).sentence(1) == (
        "customer c1 of o1 has no consumption e that has effect: unknown_credit_type, the catalog has no credit type stamps"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("o1", "c1"), "Missing argument 'EVENT_ID'"),
        (("o1", "c1", "e", "--as-of", "2026-03-06T00:00:00Z"), "--as-of is for files, which --events names; without them"),
        (("o1", "", "e"), "CUSTOMER is ''; an id must have 1 to 128 characters, has 0"),
        (("o1", "c1", "e", "--events", "gone.jsonl"), "there is no file gone.jsonl"),
        (("o1", "c1", "e", "too-much", "--events", "gone.jsonl"), "Got unexpected extra argument"),
    ],
)
def test_arguments_that_cannot_be_used_are_said_in_a_sentence(arguments, sentence, run, catalog):
    """The sentence names the argument."""
    assert run("explain", *arguments, "--catalog", catalog).sentence().startswith(sentence)
