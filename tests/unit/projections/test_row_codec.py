"""The rows on the output topics: bytes that give the row back, keys that name it, schemas that are written down."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from projections.row_codec import PublishedRow, decode_change, encode_change
from projections.row_schemas import Holds, Kind, kinds_of, schema_files
from projections.rows import TABLE_OF_ROW_TYPE, TABLES, AllocationRow, Change, LotRow, PaidPart
from schemas import topics
from schemas.errors import DecodeError, InvariantViolation
from schemas.instants import INSTANT_LIMIT
from schemas.records import Place

SOURCE = Place(topics.CONSUMPTION, 3, 1_234)
LOT = LotRow(
    organization_id="o1",
    customer_id="c1",
    credit_type='coins, "gold" | é',
    grant_id="g1",
    start=1_772_323_200_000_001,
    cadence="ONCE",
    end=None,
    natural_end=None,
    end_kind="NEVER",
    amount_micro=1_000_000,
    used_micro=0,
    priority=50,
    granted_at=1_772_323_200_000_000,
    scope=(("ADDON", None), ("LICENSE", "seat")),
    month="2026-03",
)

DECIMALS = st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1)
INSTANTS = st.integers(min_value=0, max_value=INSTANT_LIMIT - 1)
PLAIN = {
    "string": st.text(),
    "boolean": st.booleans(),
    "bytes": st.binary(),
    "long": st.integers(min_value=-(2**63), max_value=2**63 - 1),
}


def values_of(kind: Kind) -> st.SearchStrategy[Any]:
    match kind.holds:
        case Holds.DECIMAL:
            values = DECIMALS
        case Holds.INSTANT:
            values = INSTANTS
        case Holds.ENTRIES:
            values = st.lists(st.tuples(*map(values_of, kind.entry.kinds)).map(kind.entry.make), max_size=3).map(tuple)
        case Holds.PLAIN:
            values = PLAIN[kind.type]
    return st.none() | values if kind.nullable else values


def rows_of(row_type) -> st.SearchStrategy[Any]:
    return st.tuples(*map(values_of, kinds_of(row_type))).map(row_type._make)


ROWS = st.one_of(*(rows_of(table.row_type) for table in TABLES))
PLACES = st.builds(Place, st.text(), st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))


@given(row=ROWS, source=PLACES, deleted=st.booleans(), revision=st.integers(0, 2**63 - 1))
def test_decoding_gives_the_change_back(row, source, deleted, revision):
    """Whatever a row holds, also sums far beyond 64 bits, comes back the same, with the same types inside."""
    _, value = encode_change(Change(row, source, deleted), revision=revision)
    published = decode_change(TABLE_OF_ROW_TYPE[type(row)].topic, value)
    assert published == PublishedRow(row, source, revision, deleted)
    assert type(published.row) is type(row)
    assert published.row._asdict() == row._asdict()


@given(first=ROWS, second=ROWS)
def test_two_rows_of_a_table_have_one_key_only_if_they_are_one_row(first, second):
    """A key says which row it is, and keys of different rows never run into each other."""
    table = TABLE_OF_ROW_TYPE[type(first)]
    keys = [encode_change(Change(row, SOURCE, deleted=False), revision=1)[0] for row in (first, second)]
    if type(second) is type(first):
        assert (keys[0] == keys[1]) == (first[: table.key_length] == second[: table.key_length])


def test_a_key_is_readable_json_text():
    """The key of a lot is an array of its identity, instants written as RFC 3339, whatever marks its texts hold."""
    key, _ = encode_change(Change(LOT, SOURCE, deleted=False), revision=1)
    assert key.decode() == '["o1","c1","coins, \\"gold\\" | é","g1","2026-03-01T00:00:00.000001Z"]'


def test_parts_of_an_allocation_come_back_as_they_were():
    """A payment inside an allocation is a PaidPart again, in burn order."""
    parts = (PaidPart("g2", 5, 10**30), PaidPart("g1", 7, 1))
    row = AllocationRow("o", "c", 9, "e", "coins", "1970-01", 10**30 + 1, 0, 0, cost=(), paid_by=parts)
    _, value = encode_change(Change(row, SOURCE, deleted=True), revision=2)
    assert decode_change(topics.ALLOCATIONS, value).row == row


def test_an_amount_beyond_38_digits_is_refused():
    """A sum that no column could hold stops the partition instead of being published."""
    row = LOT._replace(used_micro=10**38)
    with pytest.raises(InvariantViolation, match="more than 38 digits"):
        encode_change(Change(row, SOURCE, deleted=False), revision=1)


def test_bytes_that_are_no_row_are_refused():
    """What breaks off, goes on, or has another schema's header is no row."""
    _, value = encode_change(Change(LOT, SOURCE, deleted=False), revision=1)
    for damaged in (value[:-1], value[:-9], value + b"\x00", b"\xc3\x01" + bytes(20), b""):
        with pytest.raises(DecodeError):
            decode_change(topics.LOTS, damaged)


def test_an_input_topic_holds_no_rows():
    """A topic that is none of the output topics is named."""
    with pytest.raises(DecodeError, match=r"credits\.grants is no topic of rows"):
        decode_change(topics.GRANTS, b"")


def test_the_schemas_that_are_written_down_are_those_that_follow_from_the_row_types():
    """A change of a row type is seen as a change of its schema file.

    A released schema never changes: what a row gains goes into a new version. Before a release the files are written anew
    from `projections.row_schemas.schema_files()`.
    """
    folder = Path(schemas.__file__).parent / "avro" / "rows"
    assert {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()} == schema_files()
