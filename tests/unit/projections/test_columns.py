"""The columns of the tables: every value comes back from what is written into ClickHouse, exactly."""

import types
from decimal import Decimal
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.columns import AMOUNT, COST, INSTANT, SOURCE_COLUMNS, columns_of
from projections.rows import TABLES, CostPart, PaidPart
from projections.statements import migrations
from schemas.instants import FIRST_INSTANT, INSTANT_LIMIT

ROW_TYPES = [table.row_type for table in TABLES]
_GREATEST = 10**38 - 1
_WHOLE = st.integers(0, 2**63 - 1)
_PARTS = {"PaidPart": PaidPart, "CostPart": CostPart}


def values_of(column, hint):
    """Give a strategy for the values of a field, by the type of its column: the whole range of each."""
    if get_origin(hint) is types.UnionType:
        plain = next(argument for argument in get_args(hint) if argument is not type(None))
        return st.none() | values_of(column._replace(type=column.type.removeprefix("Nullable(").removesuffix(")")), plain)
    if column.type in (AMOUNT, COST):
        return st.integers(-_GREATEST, _GREATEST)
    if column.type == INSTANT:
        return st.integers(FIRST_INSTANT, INSTANT_LIMIT - 1)
    if get_origin(hint) is tuple:
        return st.lists(entries_of(get_args(hint)[0]), max_size=3).map(tuple)
    return {str: st.text(), bytes: st.binary(), bool: st.booleans(), int: _WHOLE}[hint]


def entries_of(element):
    if element in (PaidPart, CostPart):
        return rows_of(element)
    kinds = {str: st.text(), bytes: st.binary()}
    return st.tuples(*(kinds.get(part, st.none() | st.text()) for part in get_args(element)))


def rows_of(row_type):
    hints = get_type_hints(row_type)
    columns = columns_of(row_type)
    return st.builds(
        row_type, *(values_of(column, hints[name]) for name, column in zip(row_type._fields, columns, strict=True))
    )


@pytest.mark.parametrize("row_type", ROW_TYPES, ids=lambda row_type: row_type.__name__)
@given(data=st.data())
def test_what_is_written_is_read_back(row_type, data):
    """Every value of every field, up to 38 digits and the last microsecond, is the same after writing and reading."""
    row = data.draw(rows_of(row_type))
    columns = columns_of(row_type)
    stored = [column.write(value) for column, value in zip(columns, row, strict=True)]
    assert row_type(*(column.read(value) for column, value in zip(columns, stored, strict=True))) == row


@pytest.mark.parametrize("row_type", ROW_TYPES, ids=lambda row_type: row_type.__name__)
def test_no_name_stands_twice(row_type):
    """A row's own columns and those of its source have names of their own."""
    names = [column.name for column in (*columns_of(row_type), *SOURCE_COLUMNS)]
    assert len(names) == len(set(names))


def test_amounts_are_exact_decimals():
    """A sum of 10^30 credits and a micro-credit loses nothing on its way into a Decimal."""
    column = next(column for column in columns_of(ROW_TYPES[0]) if column.name == "amount")
    assert column.type == "Decimal(38, 6)"
    assert column.write(10**36 + 1) == Decimal("1000000000000000000000000000000.000001")
    assert column.read(Decimal("1000000000000000000000000000000.000001")) == 10**36 + 1


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_statements_make_these_columns(table):
    """The table that the migrations make has the columns of the row type, then those of the source, and its key."""
    statements = [statement for migration in migrations(generation=7) for statement in migration.statements]
    made = next(statement for statement in statements if f"credits_7.{table.name}\n" in statement)
    columns = (*columns_of(table.row_type), *SOURCE_COLUMNS)
    body = ",\n".join(f"    `{column.name}` {column.type}" for column in columns)
    assert f"(\n{body}\n)\nENGINE = ReplacingMergeTree(revision, deleted)" in made
    key = ", ".join(f"`{column.name}`" for column in columns[: table.key_length])
    assert f"ORDER BY ({key})\n" in made
