"""Where the voids and reversals of a generated world lie, and whether they decided a figure by lying there."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from plain_model.acceptance import AcceptedEvent
from plain_model.months import calendar_of
from schemas.events import (
    MONTHLY,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    CustomerEvent,
)
from schemas.instants import parse_instant
from schemas.records import ReadRecord
from schemas.refusals import Refusal

BEFORE_START = "void before the start"
AT_START = "void at the start"
IN_THE_MIDDLE = "void in the middle"
AT_NATURAL_END = "void at a natural end"
AFTER_NATURAL_END = "void after the natural end"
BEFORE_ACCEPT_FROM = "void dated before accept_from"
VOIDS = (BEFORE_START, AT_START, IN_THE_MIDDLE, AT_NATURAL_END, AFTER_NATURAL_END, BEFORE_ACCEPT_FROM)

PARTIAL = "reversal in part"
FULL = "reversal in full"
EXCEEDING = "reversal exceeding"
SECOND = "reversal second of two"
USED_LATER = "reversal gives back what a later consumption uses"
TO_AN_ENDED_LOT = "reversal gives back to a lot that had ended"
REVERSALS = (PARTIAL, FULL, EXCEEDING, SECOND, USED_LATER, TO_AN_ENDED_LOT)

Customer = tuple[str, str]


class Known(NamedTuple):
    """The records of a world as read, and what of them was accepted."""

    records: list[ReadRecord]
    accepted: tuple[AcceptedEvent, ...]

    def events_of(self, customer: Customer, event_type: type) -> list[Any]:
        """Give the accepted events of a type of a customer, in the order of the log."""
        return [
            event
            for _, event, _ in self.accepted
            if isinstance(event, event_type) and (event.organization_id, event.customer_id) == customer
        ]

    def grants_of(self, customer: Customer) -> list[CreditGranted]:
        """Give the accepted grants of a customer."""
        return self.events_of(customer, CreditGranted)

    def consumption_of(self, customer: Customer) -> list[CreditConsumed]:
        """Give the accepted consumption of a customer."""
        return self.events_of(customer, CreditConsumed)

    def with_event(self, customer: Customer, event_id: str, **changed: Any) -> list[ReadRecord]:
        """Give the records with another void or reversal in the place of the one with this id."""
        return [
            record._replace(content=record.content._replace(**changed)) if _says(record, customer, event_id) else record
            for record in self.records
        ]

    def without_event(self, customer: Customer, event_id: str) -> list[ReadRecord]:
        """Give the records without the void or reversal with this id."""
        return [record for record in self.records if not _says(record, customer, event_id)]

    def with_event_first(self, customer: Customer, event_id: str) -> list[ReadRecord]:
        """Give the records as if this void or reversal had come before everything else."""
        first = [record for record in self.records if _says(record, customer, event_id)]
        return first + self.without_event(customer, event_id)

    def refusal_of(self, record: ReadRecord, refusals: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Find the entry of the results that says why this record was refused."""
        if record.place != record.first_place and isinstance(record.content, Refusal):
            return None
        topic, partition, offset = record.first_place
        for entry in refusals:
            if (entry["topic"], entry["partition"], entry["offset"]) == (topic, partition, offset):
                is_refused_at_reading = entry["reason"] in {"undecodable", "invalid", "wrong_key"}
                return entry if is_refused_at_reading == isinstance(record.content, Refusal) else None
        return None

    def are_one(self, left: ReadRecord, right: ReadRecord) -> bool:
        """Tell whether two records of a topic partition are about one event."""
        return left.place[:2] == right.place[:2] and _identity_of(left) == _identity_of(right) is not None


def _says(record: ReadRecord, customer: Customer, event_id: str) -> bool:
    event = record.content
    return isinstance(event, CreditVoided | ConsumptionReversed) and (
        (event.organization_id, event.customer_id, event.event_id) == (*customer, event_id)
    )


def _identity_of(record: ReadRecord) -> tuple[str, str, str] | None:
    event = record.content
    if not isinstance(event, CustomerEvent):
        return None
    own_id = event.grant_id if isinstance(event, CreditGranted) else event.event_id
    return event.organization_id, event.customer_id, own_id


def voids_that_counted(known: Known, zone_name: Callable[[str], str], differ: Callable[..., bool]) -> Iterator[str]:
    """Name the position of each void that stands, where a figure is another one without it.

    A void that leaves its lot untouched is moved to just before the natural end instead.
    """
    for void, acts_at, grant in _standing_voids(known):
        customer = (void.organization_id, void.customer_id)
        position = _position_of(acts_at, grant, zone_name(void.organization_id))
        if position in {AT_NATURAL_END, AFTER_NATURAL_END}:
            end = acts_at if position == AT_NATURAL_END else grant.expires_at or acts_at
            changed = known.with_event_first(customer, void.event_id)
            moved = Known(changed, ()).with_event(customer, void.event_id, occurred_at=end - 1)
            if differ(records=moved):
                yield position
        elif differ(records=known.without_event(customer, void.event_id)):
            yield position
        if void.occurred_at < acts_at and differ(records=known.with_event_first(customer, void.event_id)):
            yield BEFORE_ACCEPT_FROM


def _standing_voids(known: Known) -> Iterable[tuple[CreditVoided, int, CreditGranted]]:
    grants = {
        (event.organization_id, event.customer_id, event.grant_id): event
        for _, event, _ in known.accepted
        if isinstance(event, CreditGranted)
    }
    standing: dict[tuple[str, str, str], tuple[int, str, CreditVoided]] = {}
    for _, event, accept_from in known.accepted:
        if isinstance(event, CreditVoided):
            named = (event.organization_id, event.customer_id, event.grant_id)
            found = (max(event.occurred_at, accept_from or 0), event.event_id, event)
            standing[named] = min(standing.get(named, found), found)
    return [(void, acts_at, grants[named]) for named, (acts_at, _, void) in standing.items() if named in grants]


def _position_of(acts_at: int, grant: CreditGranted, zone_name: str) -> str:
    if acts_at < grant.effective_at:
        return BEFORE_START
    if acts_at == grant.effective_at:
        return AT_START
    if grant.expires_at is not None and acts_at > grant.expires_at:
        return AFTER_NATURAL_END
    calendar = calendar_of(zone_name)
    begins_month = calendar.interval_of(calendar.month_of(acts_at)).start == acts_at
    is_natural_end = acts_at == grant.expires_at or (grant.cadence == MONTHLY and begins_month)
    return AT_NATURAL_END if is_natural_end else IN_THE_MIDDLE


def reversals_that_counted(
    known: Known, figures: Callable[..., dict[str, Any]], before: dict[str, Any], as_of: int
) -> Iterator[str]:
    """Name what each reversal did, where a figure is another one without it."""
    for reversal, names in _acting_reversals(known):
        customer = (reversal.organization_id, reversal.customer_id)
        without = figures(records=known.without_event(customer, reversal.event_id))
        if without == before:
            continue
        yield from names
        if _others_paid(before, reversal) != _others_paid(without, reversal):
            yield USED_LATER
        if _ended_lots(before, as_of) != _ended_lots(without, as_of):
            yield TO_AN_ENDED_LOT


def _acting_reversals(known: Known) -> Iterator[tuple[ConsumptionReversed, list[str]]]:
    """Give each reversal that found its consumption, with how it acted."""
    for event in (event for _, event, _ in known.accepted if isinstance(event, CreditConsumed)):
        customer = (event.organization_id, event.customer_id)
        acting = [
            reversal
            for reversal in known.events_of(customer, ConsumptionReversed)
            if (reversal.consumption_event_id, reversal.consumed_at) == (event.event_id, event.occurred_at)
        ]
        left_micro = event.amount_micro
        for index, reversal in enumerate(sorted(acting, key=lambda reversal: (reversal.occurred_at, reversal.event_id))):
            asked_micro = left_micro if reversal.amount_micro is None else reversal.amount_micro
            names = [EXCEEDING] if asked_micro > left_micro else [PARTIAL] if asked_micro < left_micro else [FULL]
            yield reversal, [*names, SECOND] if index else names
            left_micro -= min(asked_micro, left_micro)


def _others_paid(figures: dict[str, Any], reversal: ConsumptionReversed) -> list[Any]:
    """Give who paid for everything but the consumption that the reversal names."""
    return [
        row
        for row in figures["allocations"]
        if (row["organization_id"], row["customer_id"], row["event_id"], parse_instant(row["occurred_at"]))
        != (reversal.organization_id, reversal.customer_id, reversal.consumption_event_id, reversal.consumed_at)
    ]


def _ended_lots(figures: dict[str, Any], as_of: int) -> list[Any]:
    return [lot for lot in figures["lots"] if lot["end"] is not None and (parse_instant(lot["end"]) or 0) <= as_of]
