"""Reading back what stands in the tables."""

from clickhouse_connect.driver.client import Client

from projections.columns import columns_of
from projections.results import Rows
from projections.rows import TABLES, Change
from projections.statements import tables_database
from schemas.records import Place
from streams.clickhouse.troubles import telling_trouble

_BYTES_OF_TABLE: dict[str, dict[str, str | dict[str, str]]] = {
    "dead_letters": {"key": "bytes", "value": "bytes", "headers": {"String": "bytes"}}
}
"""The columns whose Strings are bytes, which need be no text."""

_NO_PLACE = Place("", 0, 0)
"""Where rows come from is not read back: it is no part of their equality (docs/ledger.md 8.1)."""


def read_rows(client: Client, *, generation: int) -> Rows:
    """Read every row that stands in the tables of a generation; what it gives is what a fold of the same log gives.

    Raises TransientError where ClickHouse does not answer.
    """
    rows = Rows()
    for table in TABLES:
        columns = columns_of(table.row_type)
        names = ", ".join(f"`{column.name}`" for column in columns)
        with telling_trouble(f"give the rows of {table.name}"):
            found = client.query(
                f"SELECT {names} FROM {tables_database(generation)}.{table.name} FINAL",  # noqa: S608 -- names of ours
                column_formats=_BYTES_OF_TABLE.get(table.name),
            )
        for values in found.result_rows:
            row = table.row_type(*(column.read(value) for column, value in zip(columns, values, strict=True)))
            rows.take([Change(row=row, source=_NO_PLACE, deleted=False)])
    return rows
