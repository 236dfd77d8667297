"""Whether results meet what a scenario expects; of a row only the figures that are named are compared.

Pure: expectations and results in, sentences out, one for each difference.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tests.support.scenario_expectations import (
    GROUPED_FIGURES,
    CountExpected,
    Expected,
    NothingChanges,
    OnlyExpected,
    RangeExpected,
    RowExpected,
    Unanswerable,
)

Results = Mapping[str, Any]

LISTS_OF_THE_BOOKS = (
    "snapshots",
    "lots",
    "allocations",
    "balances",
    "campaign_usage",
    "conflicts",
    "campaigns",
    "names",
)
"""All lists of the results but the refusals: a record that is refused changes nothing."""


def unmet(expected: Expected, results: Results | None, *, before: Results | None) -> list[str]:
    """Compare results with what is expected and give a sentence for each difference.

    `results` None: the question was refused. `before`: the results without the last `when`.
    """
    if results is None or isinstance(expected, Unanswerable):
        return _unmet_answer(expected, answered=results is not None)
    match expected:
        case RowExpected():
            return _unmet_row(expected, results)
        case OnlyExpected(list_name, key, field, values):
            found = tuple(row[field] for row in _rows(results, list_name, key))
            return [] if found == values else [f"{field} should be only {_listed(values)}, is {_listed(found)}"]
        case CountExpected(list_name, row_count):
            rows = results[list_name]
            found_count = rows if isinstance(rows, int) else len(rows)
            return [] if found_count == row_count else [f"{list_name} should be {row_count}, are {found_count}: {rows}"]
        case RangeExpected(key, first, last, figures):
            return _differences(figures, _over_range(_rows(results, "snapshots", key), first=first, last=last))
        case NothingChanges():
            return _changes(results, before=before)


def _unmet_answer(expected: Expected, *, answered: bool) -> list[str]:
    """Say what is wrong with there being an answer, or with there being none."""
    if answered:
        return ["an answer was given, though the instant lies before the boundary"]
    return [] if isinstance(expected, Unanswerable) else ["no answer was given, since the instant lies before the boundary"]


def _changes(results: Results, *, before: Results | None) -> list[str]:
    if before is None:
        return ["there was no answer before, with which this one could be compared"]
    return [
        f"{name} changed: {_changed(before[name], results[name])}"
        for name in LISTS_OF_THE_BOOKS
        if before[name] != results[name]
    ]


def _unmet_row(expected: RowExpected, results: Results) -> list[str]:
    rows = _rows(results, expected.list_name, expected.key)
    if expected.figures is None:
        return [f"no row should have {expected.key}, but there is {row}" for row in rows]
    if len(rows) != 1:
        return [
            f"exactly one of {expected.list_name} should have {expected.key}; there are {rows or results[expected.list_name]}"
        ]
    return _differences(expected.figures, rows[0])


def _rows(results: Results, list_name: str, key: Mapping[str, object]) -> list[Mapping[str, Any]]:
    return [row for row in results[list_name] if all(row[field] == value for field, value in key.items())]


def _differences(figures: Mapping[str, object], row: Mapping[str, Any]) -> list[str]:
    return [
        f"{field} should be {value!r}, is {row[field]!r}" for field, value in figures.items() if not _equal(value, row[field])
    ]


def _equal(expected: object, found: object) -> bool:
    """Compare a figure; of those that paid, a line may leave out the lot's start."""
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(
            named.items() <= part.items() for named, part in zip(expected, found, strict=True)
        )
    return expected == found and type(expected) is type(found)


def _over_range(months: Iterable[Mapping[str, Any]], *, first: str, last: str) -> dict[str, Any]:
    """Read an account's months as one (docs/ledger.md 5.6)."""
    rows = [row for row in months if row["month"] <= last]
    inside = [row for row in rows if row["month"] >= first]
    earlier = [row for row in rows if row["month"] < first]
    together: dict[str, Any] = {
        "once_opening": earlier[-1]["once_closing"] if earlier else "0",
        "once_closing": rows[-1]["once_closing"] if rows else "0",
        "once_unlimited": any(row["once_unlimited"] for row in inside),
        "monthly_unlimited": any(row["monthly_unlimited"] for row in inside),
        "consumption_count": sum(row["consumption_count"] for row in inside),
        "final": all(row["final"] for row in inside),
    }
    for field in _FLOWS:
        together[field] = _shortest(sum((Decimal(row[field]) for row in inside), Decimal(0)))
    for cadence in ("once", "monthly"):
        if together[f"{cadence}_unlimited"]:
            together[f"{cadence}_granted"] = "Unlimited"
    return together


_FLOWS = (
    *(field for field in GROUPED_FIGURES if field.partition("_")[2] not in ("opening", "closing", "unlimited")),
    "unlimited_used",
    "overage",
    "consumed",
)


def _shortest(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values)) or "none"


def _changed(before: list[Any], after: list[Any]) -> str:
    gone, new = [row for row in before if row not in after], [row for row in after if row not in before]
    return f"gone {gone}, new {new}"
