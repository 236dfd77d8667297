"""Refused records as people and programs read them."""

import base64
import json

from projections.rows import DeadLetterRow
from schemas import codec
from schemas.events import CreditVoided, key_of
from schemas.instants import parse_instant
from schemas.json_form import write_object
from schemas.topics import VOIDS
from streams.cli.dead_letter_text import lines_of, object_of
from streams.kafka.dead_letters import DeadLetter

AT = parse_instant("2026-05-15T12:00:00Z")
VOID = CreditVoided("v1", "o1", "zoë", AT, AT, None, "g1", None)


def letter(**different) -> DeadLetter:
    row = DeadLetterRow(VOIDS, 3, 17, "too_late", "occurred_at", "lies before", AT, key_of(VOID), codec.encode(VOID), ())
    return DeadLetter(row._replace(**different), AT + 1)


def test_an_event_is_shown_as_such():
    """Why it was refused comes first, then all that the record carried."""
    headers = (("trace", b"\xff\x1b[2J"),)
    lines = list(lines_of(letter(headers=headers)))
    event = codec.encode(VOID)
    assert lines[:6] == [
        "refused    2026-05-15T12:00:00.000001Z as too_late: occurred_at lies before",
        f"place      {VOIDS}, partition 3, offset 17",
        "timestamp  2026-05-15T12:00:00Z",
        "key        o1|zoë",
        r"header     trace: \xff\x1b[2J",
        f"value      {len(event)} bytes, an event",
    ]
    assert json.loads("\n".join(lines[6:])) == write_object(VOID)


def test_bytes_that_are_no_event_are_shown_as_bytes():
    """In hexadecimal, with the letters that are among them beside."""
    lines = list(lines_of(letter(field=None, key=None, value=b'{"type": "CreditVoided"}\n')))
    assert lines[0] == "refused    2026-05-15T12:00:00.000001Z as too_late: lies before"
    assert lines[3:] == [
        "key        none",
        "value      25 bytes, which are no event",
        '00000000  7b 22 74 79 70 65 22 3a 20 22 43 72 65 64 69 74  {"type": "Credit',
        '00000010  56 6f 69 64 65 64 22 7d 0a                       Voided"}.',
    ]
    assert list(lines_of(letter(value=None)))[-1] == "value      none"


def test_an_event_that_says_what_cannot_be_is_shown_as_bytes():
    """An instant far behind the end of any calendar can be sent, and has no written form."""
    odd = codec.encode(VOID._replace(occurred_at=2**62))
    assert list(lines_of(letter(value=odd)))[4] == f"value      {len(odd)} bytes, which are no event"


def test_programs_get_all_that_was_carried():
    """Bytes are base64, as in a dump; what can be read is there as an event."""
    given = object_of(letter(headers=(("trace", b"\xff"),)))
    assert json.loads(json.dumps(given)) == given
    assert base64.b64decode(given["value"]) == codec.encode(VOID)
    assert base64.b64decode(given["key"]) == key_of(VOID)
    assert given["headers"] == [["trace", "/w=="]]
    assert given["event"] == write_object(VOID)
    assert (given["topic"], given["partition"], given["offset"]) == (VOIDS, 3, 17)
    assert (given["reason"], given["field"], given["refused_at"]) == ("too_late", "occurred_at", "2026-05-15T12:00:00.000001Z")
    nothing = object_of(letter(key=None, value=None))
    assert (nothing["key"], nothing["value"], nothing["event"]) == (None, None, None)
