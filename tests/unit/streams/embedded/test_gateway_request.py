"""A request of ClickHouse's HTTP interface is read into statement, data, parameters and settings, wherever they stand."""

import gzip
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded.gateway_guard import Fault
from streams.embedded.gateway_request import decompress, read_request

COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}


def test_a_statement_stands_in_url_or_body_or_both():
    """Alone in either, or begun in the URL and gone on with in the body."""
    assert read_request({"query": "SELECT 1;"}, {}, b"").statement == "SELECT 1"
    assert read_request({}, {}, b"SELECT 1").statement == "SELECT 1"
    assert read_request({"query": "SELECT"}, {}, b"1").statement == "SELECT\n1"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, b"INSERT INTO t (a, `format`, b) FORMAT Native\n\x00;\n\n"),
        ({}, b"/* x */ insert into t (a, format) settings async_insert=0 format Native \r\n\x00;\n\n"),
        ({"query": "INSERT INTO t (a) FORMAT Native"}, b"\x00;\n\n"),
        ({"query": "-- FORMAT CSV\nINSERT INTO t FORMAT Native;"}, b"\x00;\n\n"),
    ],
)
def test_the_data_of_an_insert_is_parted_from_it_untouched(fields, body):
    """Bytes after FORMAT and its line end are data, whatever they look like."""
    read = read_request(fields, {}, body)
    assert (read.data, read.data_format) == (b"\x00;\n\n", "Native")
    assert "FORMAT Native" not in read.statement.upper()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1, 'FORMAT Native')",
        "INSERT INTO t SELECT * FROM u",
        "INSERT INTO t WITH 1 AS x SELECT x FORMAT CSV",
        "SELECT 'INSERT INTO t FORMAT CSV'",
        "INSERT INTO t (a)",
    ],
)
def test_a_statement_without_a_format_of_its_data_stays_whole(statement):
    """Only INSERT ... FORMAT carries data apart from the statement."""
    read = read_request({}, {}, statement.encode())
    assert (read.statement, read.data) == (statement, None)


def test_parameters_settings_and_transport_are_told_apart():
    """`param_` makes a parameter, what the interface consumes goes to it, the rest are settings of the engine."""
    fields = {
        "query": "SELECT 1",
        "param_a": "x",
        "max_threads": "1",
        "database": "d",
        "session_id": "s",
        "session_timeout": "99999",
        "wait_end_of_query": "1",
        "default_format": "CSV",
    }
    read = read_request(fields, {}, b"")
    assert (read.parameters, read.settings) == ({"a": "x"}, {"max_threads": "1"})
    assert (read.database, read.session_id, read.session_seconds, read.format) == ("d", "s", 3600, "CSV")


@pytest.mark.parametrize("name", ["a b", "x=1, y", "", "1a"])
def test_a_setting_whose_name_is_none_is_refused(name):
    """A name goes into a statement, so it must be a name."""
    with pytest.raises(Fault) as refused:
        read_request({"query": "SELECT 1", name: "1"}, {}, b"")
    assert refused.value.code == 115


@given(st.sampled_from(sorted(COMPRESS)), st.lists(st.binary(max_size=200), max_size=5))
def test_all_frames_of_a_body_are_decoded(encoding, blocks):
    """However a body is cut into frames, it is read whole."""
    assert decompress(b"".join(map(COMPRESS[encoding], blocks)), encoding) == b"".join(blocks)


@given(st.sampled_from(sorted(COMPRESS)), st.binary(min_size=1, max_size=200), st.data())
def test_a_body_that_is_cut_off_is_refused(encoding, content, data):
    """A body that ends in the middle of a frame is an error, never a shorter body."""
    frame = COMPRESS[encoding](content)
    cut = data.draw(st.integers(min_value=1, max_value=len(frame) - 1))
    with pytest.raises(Fault) as refused:
        decompress(COMPRESS[encoding](b"before") + frame[:cut], encoding)
    assert refused.value.code == 271


def test_other_encodings_are_read_or_refused_by_name():
    """No encoding and deflate are read; what is unknown is named."""
    assert decompress(b"x", "") == decompress(b"x", "identity") == decompress(zlib.compress(b"x"), "deflate") == b"x"
    with pytest.raises(Fault, match="Unknown content encoding: br"):
        decompress(b"x", "br")
