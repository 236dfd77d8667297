"""Rows of CSV files become records (docs/ledger.md 1.12)."""

import pytest

from schemas.errors import SettingsError
from schemas.events import (
    Booking,
    CampaignSend,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    LineItem,
    NameGiven,
    Selector,
    TimeAdvanced,
)
from schemas.files import read_csv
from schemas.instants import parse_instant
from schemas.records import Place
from schemas.refusals import Reason

AT = parse_instant("2026-03-01T10:00:00Z")
COMMON = "event_id,organization_id,customer_id,occurred_at"
E1 = "e1,o1,c1,2026-03-01T10:00:00Z"


def read(*lines, **told):
    return list(read_csv([line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines], **told))


def consumption(activity, event_id="e1"):
    return CreditConsumed(event_id, "o1", "c1", AT, AT, None, "coins", 4_000_000, activity, None, None)


def test_a_row_is_a_record():
    """Columns are fields; an empty cell is left out; offset is the line, the header's is 1, and the bytes are the row's."""
    (record,) = read(
        f"{COMMON},actor,grant_id,credit_type,name,cadence,amount,priority,scope,expires_at",
        f'{E1},,g1,coins,"Spring, ""once""",ONCE,10.5,7,USAGE_METER:gpu:hours;ADDON;ADDON,',
        event_type="CreditGranted",
    )
    scope = (Selector("ADDON", None), Selector("USAGE_METER", "gpu:hours"))
    assert record.content == CreditGranted(
        "e1", "o1", "c1", AT, AT, None, "g1", "coins", 'Spring, "once"', "ONCE", 10_500_000, 7, AT, None, scope, None, None
    )
    assert (record.place, record.timestamp) == (Place("credits.grants", 0, 2), AT)
    assert record.raw.value.startswith(b"e1,o1,c1,")
    assert record.raw.value.endswith(b"\n")


def test_an_activity_has_its_own_columns():
    """Activities of different types may stand in one file, each row with its own."""
    header = f"{COMMON},credit_type,amount,activity.type,activity.booking_id,activity.member_id,activity.kind"
    header += ",activity.invoice_id,activity.line_id,activity.item"
    records = read(
        header,
        f"{E1},coins,4,Booking,b1,,,,,",
        f"{E1},coins,4,LineItem,,,ADDON,i1,1,x",
        f"{E1},coins,4,,b1,,,,,",
        f"{E1},coins,4,,,,,,,",
        f"{E1},coins,4,Booking,b1,,ADDON,,,",
        event_type="CreditConsumed",
    )
    assert [record.content for record in records[:2]] == [
        consumption(Booking("b1", None, None)),
        consumption(LineItem("i1", "1", "ADDON", "x")),
    ]
    assert [record.content.field for record in records[2:]] == ["activity.type", "activity", "activity.kind"]


def test_an_activity_may_be_told_for_the_file():
    """Then its columns may be plain, and the file is one of CreditConsumed."""
    header = f"{COMMON},credit_type,amount,campaign_id,center_id,activity.channel,credit_source,processed"
    records = read(header, f"{E1},coins,4,k1,z1,SMS,plan,12", f"{E1},coins,4,,,,,", activity_type="CampaignSend")
    assert records[0].content == consumption(CampaignSend("k1", "z1", "SMS", "plan", 12))
    assert records[1].content.field == "activity.campaign_id"


def test_the_type_may_stand_in_a_column():
    """A row says its type itself; what is told for the file stands for rows that do not."""
    header = "type,event_id,organization_id,occurred_at,kind,named_id,name,as_of"
    name = "n1,o1,2026-03-01T10:00:00Z,ZONE,z1,North,"
    records = read(header, f"NameGiven,{name}", "TimeAdvanced,,,,,,,2026-03-01T10:00:00Z", f"Lent,{name}", f",{name}")
    given = NameGiven("n1", "o1", AT, AT, None, "ZONE", "z1", "North")
    assert [record.content for record in records[:4]] == [given, *[TimeAdvanced(AT, None)] * 3]
    assert [(record.place.topic, record.content.field) for record in records[4:]] == [("", "type"), ("", "type")]
    assert [record.content for record in read(header[:-6], f",{name[:-1]}", event_type="NameGiven")] == [given]


@pytest.mark.parametrize(
    ("cell", "detail"),
    [
        ("x", "must be a whole number"),
        ("1.0", "must be a whole number"),
        ("-5", "from 1 to 100"),
        ("1" * 30, "must be a"),
    ],
)
def test_a_number_is_a_whole_number(cell, detail):
    """A cell of a count is read as a number where it is one, and is at fault otherwise."""
    header = f"{COMMON},grant_id,credit_type,name,cadence,amount,priority"
    (record,) = read(header, f"{E1},g1,coins,n,ONCE,1,{cell}", event_type="CreditGranted")
    assert record.content.field == "priority"
    assert detail in record.content.detail


@pytest.mark.parametrize("cell", ["addon", "ADDON;", ":x", "ADDON:"])
def test_a_scope_that_is_no_list_of_selectors_is_at_fault(cell):
    """Every part of a scope's cell is a kind, or a kind with an item."""
    header = f"{COMMON},grant_id,credit_type,name,cadence,amount,scope"
    (record,) = read(header, f"{E1},g1,coins,n,ONCE,1,{cell}", event_type="CreditGranted")
    assert record.content.field == "scope"


def test_a_row_that_is_no_csv_is_undecodable():
    """It has no topic and no field; the rows after it count, and each has the number of its first line."""
    records = read(
        b"\xef\xbb\xbfevent_id,organization_id,customer_id,occurred_at,grant_id,reason\r\n",
        b'v1,o1,c1,2026-03-01T10:00:00Z,g1,"two\r\n',
        b'lines"\r\n',
        b"\r\n",
        b'v2,o1,c1,2026-03-01T10:00:00Z,g1,"a"b\r\n',
        b"v3,o1,c1,2026-03-01T10:00:00Z,g1,\xff\r\n",
        b"v4,o1,c1,2026-03-01T10:00:00Z,g1\r\n",
        b"v5,o1,c1,2026-03-01T10:00:00Z,g1,,\r\n",
        b"v6,o1,c1,2026-03-01T10:00:00Z,g1,\xc3\xa9\r\n",
        b'v7,o1,c1,2026-03-01T10:00:00Z,g1,"never closed\r\n',
        event_type="CreditVoided",
    )
    assert [record.place.offset for record in records] == [2, 5, 6, 7, 8, 9, 10]
    assert (records[0].content.reason, records[5].content.reason) == ("two\r\nlines", "é")
    refused = [records[index] for index in (1, 2, 3, 4, 6)]
    assert {(record.place.topic, record.content.reason, record.content.field) for record in refused} == {
        ("", Reason.UNDECODABLE, None)
    }
    assert [record.content.detail for record in refused] == [
        "the row is not CSV: ',' expected after '\"'",
        "the row is not UTF-8",
        "the row has 5 cells, the header 6",
        "the row has 7 cells, the header 6",
        "the row is not CSV: unexpected end of data",
    ]
    assert records[0].raw.value == b'v1,o1,c1,2026-03-01T10:00:00Z,g1,"two\r\nlines"\r\n'


def test_a_quote_that_is_never_closed_takes_only_so_much():
    """A damaged row does not take the rest of a long file with it, nor all of the memory."""
    header, row = f"{COMMON},grant_id", f"{E1},g1"
    records = read(header, f'{E1},"g1', *[row] * 10_000, event_type="CreditVoided")
    assert records[0].content.detail == "the row is not CSV: field larger than field limit (131072)"
    assert records[0].place.offset == 2
    assert {type(record.content) for record in records[1:]} == {CreditVoided}
    assert records[-1].place.offset == 10_002
    assert len(records) > 5_000


@pytest.mark.parametrize(
    ("lines", "told", "sentence"),
    [
        ([], {"event_type": "CreditVoided"}, "the file has no header"),
        ([""], {"event_type": "CreditVoided"}, "the file has no header"),
        ([b"event_id,\xff\n"], {"event_type": "CreditVoided"}, "the header cannot be read: the row is not UTF-8"),
        ([COMMON], {}, "the type of the events is told nowhere"),
        ([COMMON], {"event_type": "Lent"}, "there is no event of type 'Lent'; there are CreditGranted, "),
        ([COMMON], {"activity_type": "Lent"}, "there is no activity of type 'Lent'; there are Booking, "),
        ([COMMON], {"event_type": "CreditVoided", "activity_type": "Booking"}, "a CreditVoided has no activity"),
        ([f"{COMMON},amout"], {"event_type": "CreditConsumed"}, "the column 'amout' is unknown; known are type, event_id, "),
        ([f"{COMMON},activity"], {"event_type": "CreditConsumed"}, "the column 'activity' is unknown"),
        ([f"{COMMON},booking_id"], {"event_type": "CreditConsumed"}, "'booking_id' is unknown; .*activity.booking_id"),
        ([f"{COMMON},activity.item"], {"activity_type": "Booking"}, "the column 'activity.item' is unknown"),
        ([f"{COMMON},customer_id"], {"event_type": "CreditVoided"}, "the column 'customer_id' stands there twice"),
        ([f"{COMMON},booking_id,activity.booking_id"], {"activity_type": "Booking"}, "'booking_id' stands there twice"),
    ],
)
def test_a_file_at_fault_is_refused_as_a_whole(lines, told, sentence):
    """Before any row is read, with a sentence that says what would be right."""
    with pytest.raises(SettingsError, match=sentence):
        read_csv([line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines], **told)
