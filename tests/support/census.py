"""Which rules decided a figure in a generated world, found by ablation.

A rule is not counted where it merely occurred. The world is derived once more with the rule, or the record that it speaks
of, reversed, repaired or left out; it counts where a figure of the books then is another one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from support.census_positions import REVERSALS, VOIDS, Known, reversals_that_counted, voids_that_counted
from support.differences import figures_of
from support.worlds import World

from plain_model import BURN_CRITERIA, Criterion, derive
from plain_model.acceptance import accept
from schemas.catalog import Catalog, CreditType, Organization, load_zone
from schemas.events import CreditConsumed, CustomerEvent, TimeAdvanced
from schemas.reading import read_record
from schemas.records import Place, ReadRecord
from schemas.refusals import Conflict, Reason, Refusal

CRITERIA = tuple(f"burn criterion {number}" for number in range(1, len(BURN_CRITERIA) + 1))
CONFLICTS = tuple(f"conflict {conflict}" for conflict in Conflict)
REFUSALS = tuple(f"refused {reason}" for reason in Reason)
REROUTED = "rerouted"
CLOCK_CHANGE = "month with a clock change"
RULES = (*CRITERIA, *CONFLICTS, *REFUSALS, REROUTED, CLOCK_CHANGE, *VOIDS, *REVERSALS)

Counting = Callable[["Books"], Iterator[str]]


class Books(NamedTuple):
    """A world and its books, for the ablations to be held against; `as_of` is asked about throughout."""

    world: World
    known: Known
    results: dict[str, Any]
    as_of: int

    def figures(
        self,
        *,
        records: Sequence[ReadRecord] | None = None,
        catalog: Catalog | None = None,
        burn_criteria: Sequence[Criterion] = BURN_CRITERIA,
    ) -> dict[str, Any]:
        """Derive the figures once more with something changed."""
        rules = self.world.rules if catalog is None else {**self.world.rules, "catalog": catalog}
        changed = self.known.records if records is None else records
        results = derive(changed, as_of=self.as_of, burn_criteria=burn_criteria, **rules)
        return figures_of(results)

    def differ(self, **changed: Any) -> bool:
        """Tell whether a figure is another one with something changed."""
        return self.figures(**changed) != figures_of(self.results)


def books_of(world: World) -> Books:
    """Derive the books of a world."""
    records = world.read()
    as_of = _asked_about(records) if world.as_of is None else world.as_of
    results = derive(records, as_of=as_of, **world.rules)
    return Books(world, Known(records, accept(records, **world.limit).accepted), results, as_of)


def _asked_about(records: Iterable[ReadRecord]) -> int:
    contents = [record.content for record in records]
    told = [content.as_of for content in contents if isinstance(content, TimeAdvanced)]
    recorded = [content.recorded_at for content in contents if isinstance(content, CustomerEvent)]
    return max(told or recorded, default=0)


def criteria_that_counted(books: Books) -> Iterator[str]:
    """Leave out each criterion; the last one, which nothing follows, is turned round instead."""
    for index, name in enumerate(CRITERIA[:-1]):
        if books.differ(burn_criteria=(*BURN_CRITERIA[:index], *BURN_CRITERIA[index + 1 :])):
            yield name
    if books.differ(burn_criteria=(*BURN_CRITERIA[:-1], _greatest_grant_id)):
        yield CRITERIA[-1]


def _greatest_grant_id(lot: Any, _event: CreditConsumed) -> Any:
    return tuple(-ord(character) for character in lot.grant.grant_id)


def conflicts_that_counted(books: Books) -> Iterator[str]:
    """Let the events of each conflict have effect after all, and one that exceeds have none at all."""
    for found in books.results["conflicts"]:
        conflict = Conflict(found["conflict"])
        if any(books.differ(**change) for change in _without_conflict(books, conflict, found)):
            yield f"conflict {conflict}"


def _without_conflict(books: Books, conflict: Conflict, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    customer = (found["organization_id"], found["customer_id"])
    known, event_id = books.known, found["event_id"]
    match conflict:
        case Conflict.VOID_WITHOUT_GRANT:
            for grant in known.grants_of(customer):
                yield {"records": known.with_event(customer, event_id, grant_id=grant.grant_id)}
        case Conflict.REVERSAL_WITHOUT_CONSUMPTION:
            for event in known.consumption_of(customer):
                right = {"consumption_event_id": event.event_id, "consumed_at": event.occurred_at}
                yield {"records": known.with_event(customer, event_id, **right)}
        case Conflict.REVERSAL_EXCEEDS_CONSUMPTION:
            yield {"records": known.without_event(customer, event_id)}
        case Conflict.UNKNOWN_CREDIT_TYPE | Conflict.UNLIMITED_NOT_ALLOWED:
            # The detail of both ends with the credit type.
            yield {"catalog": _knowing(books.world.catalog, found["detail"].rpartition(" ")[2])}


def _knowing(catalog: Catalog, credit_type: str) -> Catalog:
    known = {**catalog.credit_types, credit_type: CreditType(credit_type, allows_unlimited=True, unit="one", scale=2)}
    return replace(catalog, credit_types=MappingProxyType(known))


def refusals_that_counted(books: Books) -> Iterator[str]:
    """Let each refused record say what it meant, come first, or come in time."""
    for index, record in enumerate(books.known.records):
        entry = books.known.refusal_of(record, books.results["refusals"])
        if entry is None:
            continue
        changed = _accepted_after_all(books, index, record, Reason(entry["reason"]))
        if changed is not None and books.differ(records=changed):
            yield f"refused {entry['reason']}"


def _accepted_after_all(books: Books, index: int, record: ReadRecord, reason: Reason) -> list[ReadRecord] | None:
    records = books.known.records
    match reason:
        case Reason.UNDECODABLE | Reason.INVALID | Reason.WRONG_KEY:
            meant = books.world.meant.get(record.place)
            if meant is None:
                return None
            good = read_record(meant, partition_count=books.world.partition_count)
            return [*records[:index], good, *records[index + 1 :]]
        case Reason.EVENT_CONFLICT | Reason.GRANT_CONFLICT:
            return [other for other in records if other is record or not books.known.are_one(other, record)]
        case Reason.TOO_LATE | Reason.TOO_MANY_GRANTS:
            return [record, *records[:index], *records[index + 1 :]]
        case Reason.TOO_EARLY:
            in_time = record._replace(timestamp=record.content.occurred_at)
            return [*records[:index], in_time, *records[index + 1 :]]


def reroutes_that_counted(books: Books) -> Iterator[str]:
    """Leave out what was sent on from each first place."""
    first_places: list[Place] = [
        record.first_place
        for record in books.known.records
        if record.place != record.first_place and not isinstance(record.content, Refusal)
    ]
    for first_place in dict.fromkeys(first_places):
        if books.differ(records=[record for record in books.known.records if record.first_place != first_place]):
            yield REROUTED


def clock_changes_that_counted(books: Books) -> Iterator[str]:
    """Put each organization into UTC, and look at the months in which its own zone's offset changes."""
    mine = books.results["snapshots"]
    for organization_id, organization in books.world.catalog.organizations.items():
        in_utc = {**books.world.catalog.organizations, organization_id: Organization("UTC", None)}
        theirs = books.figures(catalog=replace(books.world.catalog, organizations=MappingProxyType(in_utc)))["snapshots"]
        months = {
            row["month"]
            for these, others in ((mine, theirs), (theirs, mine))
            for row in _rows_without(these, others, organization_id)
            if _offset_changes(organization.zone_name, row["month"])
        }
        yield from [CLOCK_CHANGE] * len(months)


def _rows_without(mine: list[dict[str, Any]], others: list[dict[str, Any]], organization_id: str) -> Iterator[dict[str, Any]]:
    """Give the organization's months with figures that the other books do not have; when a month is final is no figure."""
    unsettled = [{**row, "final": None} for row in others]
    return (row for row in mine if row["organization_id"] == organization_id and {**row, "final": None} not in unsettled)


def _offset_changes(zone_name: str, month: str) -> bool:
    zone = load_zone(zone_name)
    year, number = divmod(int(month[:4]) * 12 + int(month[5:]), 12)
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=zone)
    return first.utcoffset() != datetime(year, number + 1, 1, tzinfo=zone).utcoffset()


def positions_that_counted(books: Books) -> Iterator[str]:
    """Leave out, or move, each void and each reversal."""
    yield from voids_that_counted(books.known, books.world.catalog.zone_name, books.differ)
    yield from reversals_that_counted(books.known, books.figures, figures_of(books.results), books.as_of)


COUNTINGS: tuple[Counting, ...] = (
    criteria_that_counted,
    conflicts_that_counted,
    refusals_that_counted,
    reroutes_that_counted,
    clock_changes_that_counted,
    positions_that_counted,
)


def census(worlds: Iterable[World], countings: Iterable[Counting] = COUNTINGS) -> Counter[str]:
    """Count over all worlds how often each rule decided a figure."""
    counts: Counter[str] = Counter()
    for world in worlds:
        books = books_of(world)
        for counting in countings:
            counts.update(counting(books))
    return counts


def rare_rules(counts: Counter[str], *, rules: Iterable[str], at_least: int) -> list[str]:
    """Name the rules that decided too seldom for the worlds to prove anything about them, each with its count."""
    return [f"{rule}: {counts[rule]}" for rule in rules if counts[rule] < at_least]


def table_of(counts: Counter[str]) -> str:
    """Write the counts as a table, a rule a line."""
    width = max(len(rule) for rule in RULES)
    return "\n".join(f"{rule:<{width}} {counts[rule]:>5}" for rule in RULES)
