"""ClickHouse as the sink and the commands use it: a client, the migrations, inserts that may be repeated, and reading back."""

from streams.clickhouse.client import ClickHouseAddress, connect
from streams.clickhouse.inserting import insert
from streams.clickhouse.migrating import migrate
from streams.clickhouse.reading import read_rows
from streams.clickhouse.troubles import one_line

__all__ = ["ClickHouseAddress", "connect", "insert", "migrate", "one_line", "read_rows"]
