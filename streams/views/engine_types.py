"""The types of the views' columns, asked of the engine: nobody writes down what it knows."""

import contextlib
import json
import tempfile
from collections.abc import Mapping
from typing import Any

import chdb

from projections.described_views import described_views
from projections.statements import VIEWS_DATABASE, migrations, tables_database, views
from streams.views.examples import call_of

ColumnTypes = Mapping[str, Mapping[str, str]]
"""For each view the types of its columns by their names, in the order in which it gives them."""

_GENERATION = 1


def column_types() -> ColumnTypes:
    """Make all tables and views in an engine of its own, without rows, and ask what each view gives."""
    with tempfile.TemporaryDirectory(prefix="credits-views-") as folder, _opened(folder) as handle:
        for database in (tables_database(_GENERATION), VIEWS_DATABASE):
            handle.query(f"CREATE DATABASE {database}")
        for migration in migrations(generation=_GENERATION):
            for statement in migration.statements:
                handle.query(statement)
        for statement in views(generation=_GENERATION).values():
            handle.query(statement)
        return {view.name: _types(handle, call_of(view)) for view in described_views()}


def _opened(folder: str) -> "contextlib.closing[Any]":
    return contextlib.closing(chdb.connect(folder))  # type: ignore[no-untyped-call]  # the package has no types here


def _types(handle: Any, call: str) -> dict[str, str]:
    content = handle.query(f"DESCRIBE TABLE {call}", "JSON").bytes()
    return {column["name"]: column["type"] for column in json.loads(content)["data"]}
