"""Whatever an event says, it comes back as it was written, and both ways in judge it alike (docs/ledger.md 3.1, 8.4)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.checks import fault_of
from schemas.codec import decode, encode
from schemas.errors import DecodeError
from schemas.events import TOPICS_OF_TYPE, Event, key_of
from schemas.files import read_dump, read_json_lines, write_dump
from schemas.json_form import read_object, write_object
from schemas.reading import read_record
from schemas.records import Place, RawRecord, ReadRecord, Reroute
from schemas.refusals import Reason, Refusal
from tests.support.strategies import RECORD_TIMESTAMP, VALID_EVENTS, Mutation, broken_events, mutations


def on_the_wire(event: Event, *, partition: int = 0) -> RawRecord:
    """Put an event where it belongs."""
    topic = TOPICS_OF_TYPE[type(event)][0]
    return RawRecord(topic, partition, 7, RECORD_TIMESTAMP, key_of(event), encode(event), headers=())


@settings(max_examples=250, deadline=None)
@given(event=VALID_EVENTS)
def test_a_valid_event_comes_back(event):
    """Encoded and decoded it is itself, and passes the checks."""
    assert decode(encode(event)) == event
    assert fault_of(event, record_timestamp=RECORD_TIMESTAMP) is None
    assert read_record(on_the_wire(event), partition_count=1).content == event


@settings(max_examples=250, deadline=None)
@given(event=VALID_EVENTS)
def test_a_valid_event_comes_back_from_json(event):
    """Written as JSON text and read it is itself."""
    text = json.dumps(write_object(event))
    assert read_object(json.loads(text), record_timestamp=RECORD_TIMESTAMP) == event
    assert {record.content for record in read_json_lines([text.encode()])} == {event}


@settings(max_examples=600, deadline=None)
@given(event=broken_events())
def test_both_ways_in_judge_alike(event):
    """The wire and JSON give the same content the same verdict, reason and field."""
    from_wire = read_record(on_the_wire(event), partition_count=1).content
    from_json = read_object(json.loads(json.dumps(write_object(event))), record_timestamp=RECORD_TIMESTAMP)
    if isinstance(from_wire, Refusal) and isinstance(from_json, Refusal):
        assert (from_wire.reason, from_wire.field) == (from_json.reason, from_json.field)
    else:
        assert from_wire == from_json


@settings(max_examples=300, deadline=None)
@given(mutation=mutations(VALID_EVENTS.map(write_object)))
def test_any_object_gets_a_verdict(mutation: Mutation):
    """An object of any JSON values is an event or refused as invalid, an unknown field before all others."""
    verdict = read_object(mutation.fields)
    if mutation.unknown:
        assert isinstance(verdict, Refusal)
        assert verdict.field in {name.encode("utf-8", "backslashreplace").decode() for name in mutation.unknown}
    elif isinstance(verdict, Refusal):
        assert verdict.reason is Reason.INVALID
        assert verdict.field
        assert verdict.field.partition(".")[0] in {*type_of(mutation)._fields, *write_names(type_of(mutation))}
        assert verdict.detail
    else:
        assert read_object(write_object(verdict)) == verdict


def type_of(mutation: Mutation) -> type[Event]:
    return next(kind for kind in TOPICS_OF_TYPE if kind.__name__ == mutation.fields["type"])


def write_names(kind: type[Event]) -> set[str]:
    return {field.removesuffix("_micro") for field in kind._fields}


@settings(max_examples=300, deadline=None)
@given(data=st.data(), event=VALID_EVENTS)
def test_damaged_bytes_get_a_verdict(data, event):
    """Bytes that were cut, changed or lengthened are an event still, or cannot be decoded; nothing else happens."""
    value = bytearray(encode(event))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(value) - 1))
        value[place] = data.draw(st.sampled_from((0, 1, 2, 3, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
    damaged = bytes(value[: data.draw(st.integers(0, len(value)))] if data.draw(st.booleans()) else value)
    content = read_record(on_the_wire(event)._replace(value=damaged), partition_count=1).content
    if isinstance(content, Refusal) and content.reason is Reason.UNDECODABLE:
        assert content.field is None
        with pytest.raises(DecodeError, match=r"\w+ \w+"):
            decode(damaged)


@settings(max_examples=250, deadline=None)
@given(event=VALID_EVENTS, cut=st.data())
def test_no_part_of_an_event_is_an_event(event, cut):
    """Bytes that end early, and bytes with something behind them, cannot be decoded."""
    value = encode(event)
    with pytest.raises(DecodeError):
        decode(value[: cut.draw(st.integers(0, len(value) - 1))])
    with pytest.raises(DecodeError, match="follow"):
        decode(value + b"\x00")


HEADERS = st.tuples(st.sampled_from(("a", "credits-rerouted-from", "é")), st.binary(max_size=8))
RAW_RECORDS = st.builds(
    RawRecord,
    st.sampled_from(("credits.grants", "credits.voids", "else")),
    st.integers(0, 3),
    st.integers(0, 2**62),
    st.integers(0, 2**40).map(lambda milliseconds: milliseconds * 1000),
    st.none() | st.binary(max_size=8),
    st.none() | st.binary(max_size=8) | VALID_EVENTS.map(encode),
    st.lists(HEADERS, max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(records=st.lists(RAW_RECORDS, max_size=3))
def test_a_dump_keeps_records_as_they_are(records):
    """What is written to a dump is read back untouched, and read as from the topic."""
    read: list[ReadRecord] = list(read_dump(write_dump(records, partition_count=4)))
    assert [record.raw for record in read] == records
    assert read == [read_record(record, partition_count=4) for record in records]


@settings(max_examples=60, deadline=None)
@given(event=VALID_EVENTS.filter(lambda event: key_of(event) is not None), partition=st.integers(0, 7))
def test_a_record_comes_home_in_one_hop(event, partition):
    """A record on any partition is read there, or sent on once and read where its key belongs."""
    raw = on_the_wire(event, partition=partition)
    content = read_record(raw, partition_count=8).content
    if isinstance(content, Reroute):
        hop = ("credits-rerouted-from", f"{raw.topic}/{partition}/7".encode())
        sent_on = raw._replace(partition=content.partition, offset=99, headers=(hop,))
        arrived = read_record(sent_on, partition_count=8)
        assert arrived.content == event
        assert arrived.first_place == Place(raw.topic, partition, 7)
    else:
        assert content == event
