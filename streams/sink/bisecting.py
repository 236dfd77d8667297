"""Finds the rows of a block that ClickHouse refuses, by halving it; what is not refused is taken on the way.

Rule: docs/architecture.md, the sink. Rows are refused only where some other row of the table is accepted at the same time:
where none is, it is no row's fault.
"""

import math
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from streams.clickhouse.troubles import OutageError, RefusedError

_Row = TypeVar("_Row")

_SAMPLE_ROWS = 64

Take = Callable[[Sequence[_Row]], None]
"""Takes rows, all or none as far as anybody can tell; raises RefusedError where it does not. A repeat must do no harm."""


class NothingAcceptedError(OutageError):
    """Not a single row was accepted, so that nothing tells whether the rows are to blame."""


class Refused(NamedTuple, Generic[_Row]):
    """A row that was refused, and how."""

    row: _Row
    error: RefusedError


def accepted_one(rows: Sequence[_Row], take: Take[_Row], *, accepted_before: _Row | None) -> _Row:
    """Give a row that is accepted now: the one that was accepted before, or one of a sample spread over the rows.

    Raises NothingAcceptedError where none of them is.
    """
    sample = rows[:: math.ceil(len(rows) / _SAMPLE_ROWS)]
    refusals = []
    for candidate in [*([] if accepted_before is None else [accepted_before]), *sample]:
        refusal = _refusal_of([candidate], take)
        if refusal is None:
            return candidate
        refusals.append(refusal)
    raise NothingAcceptedError(
        f"{refusals[-1]}; not one of {len(rows)} is accepted, so that the rows may not be to blame", reason=refusals[-1].reason
    )


def refused_among(rows: Sequence[_Row], take: Take[_Row]) -> list[Refused[_Row]]:
    """Have all rows taken but those that are refused by themselves, and give these, in their order."""
    refusal = _refusal_of(rows, take)
    if refusal is None:
        return []
    if len(rows) == 1:
        return [Refused(rows[0], refusal)]
    middle = len(rows) // 2
    return refused_among(rows[:middle], take) + refused_among(rows[middle:], take)


def _refusal_of(rows: Sequence[_Row], take: Take[_Row]) -> RefusedError | None:
    try:
        take(rows)
    except RefusedError as error:
        return error
    return None
