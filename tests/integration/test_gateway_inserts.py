"""Inserts through the gateway fail where the engine fails: what is answered with 200 is stored."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_fixtures import gateway_running

from streams.clickhouse import connect


@pytest.fixture(scope="module")
def client(data_folder):
    """Give a client of a gateway of this module's own, with a database to insert into."""
    with gateway_running(data_folder / "inserts") as gateway, connect(gateway.address) as opened:
        opened.command("CREATE DATABASE IF NOT EXISTS i")
        yield opened


@pytest.mark.parametrize(
    ("table", "values", "code"),
    [
        ("(`a` UInt64, CONSTRAINT `small` CHECK a < 5) ENGINE = MergeTree ORDER BY a", [1, 7], 469),
        ("(`a` UInt64) ENGINE = MergeTree ORDER BY a PARTITION BY a", list(range(150)), 252),
        ("(`a` UInt64, `b` UInt8 MATERIALIZED throwIf(a = 7)) ENGINE = MergeTree ORDER BY a", [1, 7], 395),
    ],
)
@pytest.mark.parametrize("clause", ["", " SETTINGS async_insert = 0"])
def test_what_fails_behind_the_reading_of_rows_is_told(table, values, code, clause, client):
    """A constraint, a limit or an expression that stops an insert is answered with its code, and nothing is stored."""
    client.command("DROP TABLE IF EXISTS i.t")
    client.command(f"CREATE TABLE i.t {table}")
    body = "\n".join(map(str, values)).encode()
    with pytest.raises(DatabaseError) as refused:
        client.raw_insert("i.t", ["a"], body, fmt="TSV")
    assert refused.value.code == code
    with pytest.raises(DatabaseError) as refused:
        client.insert("i.t", [values], column_names=["a"], column_type_names=["UInt64"], column_oriented=True)
    assert refused.value.code == code
    assert client.query("SELECT count() FROM i.t").result_rows == [(0,)]
    client.command(f"INSERT INTO i.t (a){clause} FORMAT TSV\n1\n")
    assert client.query("SELECT count() FROM i.t").result_rows == [(1,)]
