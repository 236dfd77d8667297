"""Two results held against each other, and their first difference told so that a person can read it."""

from typing import Any

from projections.results import Rows
from projections.rows import TABLES

FIGURES = ("snapshots", "lots", "allocations", "balances", "campaign_usage")
"""The lists that hold amounts; the others say what became of records, or what things are called."""


def difference_between(left: dict[str, Any], right: dict[str, Any], *, left_name: str, right_name: str) -> str | None:
    """Tell the first entry in which two results differ, list by list; None where they are equal."""
    for name in left.keys() | right.keys():
        if left.get(name) != right.get(name):
            told = _difference(left.get(name), right.get(name), left_name, right_name)
            return f"{name} differ\n{told}"
    return None


def figures_of(results: dict[str, Any]) -> dict[str, Any]:
    """Give only the lists that hold amounts."""
    return {name: results[name] for name in FIGURES}


def _difference(left: Any, right: Any, left_name: str, right_name: str) -> str:
    if not (isinstance(left, list) and isinstance(right, list)):
        return f"{left_name}: {left}\n{right_name}: {right}"
    only_left = next((entry for entry in left if entry not in right), None)
    only_right = next((entry for entry in right if entry not in left), None)
    if only_left is None and only_right is None:
        return f"the same entries in another order or number\n{left_name}: {left}\n{right_name}: {right}"
    fields = "" if only_left is None or only_right is None else f"\nin {', '.join(_fields(only_left, only_right))}"
    return f"only {left_name}: {only_left}\nonly {right_name}: {only_right}{fields}"


def _fields(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    return [name for name in left if left[name] != right.get(name)]


def assert_same_rows(expected: Rows, found: Rows, where: str) -> None:
    """Hold the rows of all tables against what they have to be; names the first that differs."""
    for table in TABLES:
        if expected._rows[table.row_type] != found._rows[table.row_type]:
            wanted, given = expected.of(table.row_type), found.of(table.row_type)
            told = _difference([row._asdict() for row in wanted], [row._asdict() for row in given], "expected", "found")
            raise AssertionError(f"{where}: {table.name} are not as they have to be\n{told}")


def assert_same_state(expected: dict[bytes, bytes], found: dict[bytes, bytes], where: str) -> None:
    """Hold the keys and values of a state against what they have to be; names the first that differs."""
    if expected != found:
        key = next(key for key in sorted(expected.keys() | found.keys()) if expected.get(key) != found.get(key))
        raise AssertionError(f"{where}: {key!r} is {found.get(key)!r}, and has to be {expected.get(key)!r}")
