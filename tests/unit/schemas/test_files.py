"""Lines of files become records of their event's topic (docs/ledger.md 1.12)."""

import json

import pytest

from schemas.codec import encode
from schemas.errors import DecodeError, SettingsError
from schemas.events import CreditVoided, TimeAdvanced
from schemas.files import read_dump, read_json_lines, write_dump
from schemas.instants import parse_instant
from schemas.records import Place, RawRecord
from schemas.refusals import Reason, Refusal
from schemas.strict_json import parse_object

AT = parse_instant("2026-03-01T10:00:00Z")
VOID = (
    b'{"type": "CreditVoided", "event_id": "v1", "organization_id": "o1", "customer_id": "c1", '
    b'"occurred_at": "2026-03-01T10:00:00Z", "grant_id": "g1"}'
)
EVENT = CreditVoided("v1", "o1", "c1", AT, AT, None, "g1", None)


def read(*lines):
    return list(read_json_lines(lines))


def test_a_line_is_a_record_of_its_topic():
    """Partition 0, the line's number as offset, recorded_at as timestamp, no key, and the line's own bytes."""
    (record,) = read(VOID + b"\r\n")
    place = Place("credits.voids", 0, 1)
    raw = RawRecord("credits.voids", 0, 1, AT, None, VOID + b"\r\n", ())
    assert record == (place, place, AT, EVENT, raw)


def test_blank_lines_count_but_say_nothing():
    """Numbers are those that an editor shows; a byte order mark at the start is no part of the first line."""
    records = read(b"\xef\xbb\xbf" + VOID + b"\n", b"\n", b"  \r\n", VOID)
    assert [(record.place.offset, record.content) for record in records] == [(1, EVENT), (4, EVENT)]


def test_time_is_said_to_three_topics():
    """A TimeAdvanced stands for one in each topic that has a clock, also where it is refused."""
    records = read(b'{"type": "TimeAdvanced", "as_of": "2026-03-01T10:00:00Z"}', b'{"type": "TimeAdvanced"}')
    clocked = ("credits.grants", "credits.voids", "credits.consumption")
    assert [record.place for record in records] == [Place(topic, 0, line) for line in (1, 2) for topic in clocked]
    assert [record.content for record in records[:3]] == [TimeAdvanced(AT, None)] * 3
    assert [record.timestamp for record in records] == [AT] * 3 + [0] * 3
    assert {record.content.field for record in records[3:]} == {"as_of"}


def test_a_refused_line_has_its_topic_and_timestamp():
    """What can be read of a line that is at fault says where it stands."""
    (record,) = read(VOID.replace(b'"g1"', b'""'))
    assert (record.place.topic, record.timestamp, record.content.field) == ("credits.voids", AT, "grant_id")
    (record,) = read(VOID.replace(b"CreditVoided", b"CreditLent"))
    assert (record.place.topic, record.content.field) == ("", "type")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"this is no JSON", "the line is not JSON"),
        (b"[1, 2]", "the line is no JSON object"),
        (b"null", "the line is no JSON object"),
        (VOID[:-1], "the line is not JSON"),
        (VOID + VOID, "the line is not JSON"),
        (VOID.replace(b"v1", b"v\xff"), "the line is not UTF-8"),
        (VOID.decode().encode("utf-16"), "the line is not UTF-8"),
        (VOID.replace(b'"grant_id"', b'"customer_id": "c2", "grant_id"'), "names a field twice"),
        (b'{"type": "CreditVoided", "activity": {"a": 1, "a": 1}}', "names a field twice"),
        (b'{"amount": NaN}', "NaN is no number of JSON"),
        (b'{"amount": [-Infinity]}', "-Infinity is no number of JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "a number is too long"),
        (b'{"a": "\x00"}', "the line is not JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_undecodable(line, sentence):
    """What is no JSON object of one reading has no topic and no field, and the lines after it count."""
    bad, good = read(line, VOID)
    assert (bad.place, bad.content.reason, bad.content.field) == (Place("", 0, 1), Reason.UNDECODABLE, None)
    assert sentence in bad.content.detail
    assert bad.raw.value == line
    assert good.content == EVENT
    with pytest.raises(DecodeError, match=r"^the line "):
        parse_object(line)


def test_lines_are_read_one_by_one():
    """No line is asked for before the one ahead of it was given out, so that a file may be of any length."""
    asked = []

    def lines():
        for number in range(3):
            asked.append(number)
            yield VOID

    records = read_json_lines(lines())
    next(records)
    assert asked == [0]


RAW = RawRecord("credits.voids", 0, 5, AT, b"o1|c1", encode(EVENT), (("a", b"\xff"), ("é", b"")))


def test_a_dump_has_one_form():
    """The first line says what it is, each further line is a record; bytes are base64, timestamps milliseconds."""
    head, line = write_dump([RAW._replace(key=None, value=b"\x00")], partition_count=8)
    assert head == b'{"credits_dump": 1, "partition_count": 8}\n'
    assert json.loads(line) == {
        "topic": "credits.voids",
        "partition": 0,
        "offset": 5,
        "timestamp": AT // 1000,
        "key": None,
        "value": "AA==",
        "headers": [["a", "/w=="], ["é", ""]],
    }


def test_a_dump_is_read_as_the_topic_is():
    """Keys and partitions are true ones: a record is read, refused or rerouted as it would be in Kafka."""
    lines = [*write_dump([RAW, RAW._replace(key=b"o1|c2"), RAW._replace(value=None)], partition_count=1), b"\n"]
    records = list(read_dump(lines))
    assert [record.raw for record in records] == [RAW, RAW._replace(key=b"o1|c2"), RAW._replace(value=None)]
    assert records[0].content == EVENT
    assert [record.content.reason for record in records[1:]] == [Reason.WRONG_KEY, Reason.UNDECODABLE]


def test_a_dump_is_read_with_a_registry():
    """The ids of a schema registry are told apart from the dump."""
    confluent = RAW._replace(value=b"\x00\x00\x00\x00\x07" + RAW.value[10:])
    lines = list(write_dump([confluent], partition_count=1))
    assert [record.content for record in read_dump(lines, registry={7: "CreditVoided.v1"})] == [EVENT]
    (refused,) = read_dump(lines)
    assert isinstance(refused.content, Refusal)


HEAD, LINE = write_dump([RAW], partition_count=1)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "line 1 of the dump"),
        ([LINE], "line 1: the first line of a dump is such as"),
        ([b'{"credits_dump": 2, "partition_count": 1}'], "line 1: the first line"),
        ([b'{"credits_dump": 1, "partition_count": 0}'], "line 1: the first line"),
        ([HEAD, b"{}"], "line 2: a record of a dump has the entries"),
        ([HEAD, LINE, LINE[:-9]], "line 3 of the dump: the line is not JSON"),
        ([HEAD, LINE.replace(b'"offset": 5', b'"offset": -5')], "line 2: offset must be a whole number"),
        ([HEAD, LINE.replace(b'"offset": 5', b'"offset": true')], "line 2: offset must be a whole number"),
        ([HEAD, LINE.replace(b'"topic": "credits.voids"', b'"topic": 1')], "line 2: topic must be a text"),
        ([HEAD, LINE.replace(b'"bzF8YzE="', b'"bzF8YzE"')], "line 2: key must be base64 or null"),
        ([HEAD, LINE.replace(b'"bzF8YzE="', b"5")], "line 2: key must be base64 or null"),
        ([HEAD, LINE.replace(b'["a", "/w=="]', b'"a"')], "line 2: headers must be a list"),
        ([HEAD, LINE.replace(b'["a", "/w=="]', b'["a", "?"]')], "line 2: the value of a header must be base64"),
    ],
)
def test_a_damaged_dump_is_refused_as_a_whole(lines, sentence):
    """A dump is made by a command; what it would not write is no record but damage, and named by its line."""
    with pytest.raises(SettingsError, match=sentence):
        list(read_dump(lines))


def test_a_header_without_value_is_empty():
    """Kafka allows a header without value."""
    (record,) = read_dump([HEAD, LINE.replace(b'["a", "/w=="]', b'["a", null]')])
    assert record.raw.headers[0] == ("a", b"")
