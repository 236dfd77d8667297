"""A batch of records as it is pulled, and the proof that it continues what was applied before (docs/architecture.md, delivery).

Offsets are not dense: commit markers, aborted and compacted records take some. So a batch is an interval of *fetch positions*,
read around the fetch, and not what lies between its first and its last record; one without records still moves the position.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.errors import InvariantViolation
from schemas.records import RawRecord


class Wanted(NamedTuple):
    """A topic partition from which records are wanted; `epoch` changes whenever its owner seeks."""

    topic: str
    number: int
    epoch: int


class Batch(NamedTuple):
    """All records of a topic partition in [`begin`, `end`), pulled for the owner of `epoch`."""

    wanted: Wanted
    begin: int
    end: int
    records: Sequence[RawRecord]


class Gap(NamedTuple):
    """A batch that begins after the position at which it is to continue: something between was not seen."""

    topic: str
    number: int
    position: int
    begin: int


def continue_at(position: int, batch: Batch) -> Sequence[RawRecord] | Gap:
    """Give the records of a batch that are new at a position; a part that was applied before is dropped.

    Raises InvariantViolation where a record lies outside the batch's own bounds, or out of order.
    """
    _check_bounds(batch)
    if batch.begin > position:
        return Gap(batch.wanted.topic, batch.wanted.number, position, batch.begin)
    if batch.begin == position:
        return batch.records
    return [record for record in batch.records if record.offset >= position]


def _check_bounds(batch: Batch) -> None:
    next_offset = batch.begin
    for record in batch.records:
        if not next_offset <= record.offset < batch.end:
            raise InvariantViolation(
                f"{batch.wanted.topic}/{batch.wanted.number}: the record at {record.offset} does not lie in its batch, "
                f"from {next_offset} up to {batch.end}"
            )
        next_offset = record.offset + 1
