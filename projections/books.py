"""The books of one partition number: batches of records in, changed rows out.

The path of one batch reads top to bottom in `Books.apply`. Whatever was accepted lies in the state; rows are derived from
it, before and after the batch, and only what differs is given out, so that the rows that a reader has after any batches are
those that follow from the state (docs/ledger.md 4.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from projections.acceptance import Verdict, advance, judge
from projections.calendar import calendar_of
from projections.customer import SourcedRow, Times, rows_of
from projections.rows import TABLE_OF_ROW_TYPE, CampaignRow, Change, DeadLetterRow, NameRow, Row
from projections.state import OverlayState, State
from projections.stored import (
    Customer,
    Stored,
    all_customers,
    find_standing,
    keep_event,
    keep_master,
    read_customer,
    read_master,
    read_topic_clock,
    write_topic_clock,
)
from schemas import topics
from schemas.catalog import Catalog
from schemas.events import (
    CampaignDefined,
    CreditVoided,
    CustomerEvent,
    MasterEvent,
    NameGiven,
    TimeAdvanced,
)
from schemas.records import Place, ReadRecord, Reroute
from schemas.refusals import Refusal


class Applied(NamedTuple):
    """What one batch did: changed rows, records to be sent on to their own partition, and how many got which verdict.

    The counts and the reroutes add up to the records of the batch.
    """

    changes: tuple[Change, ...]
    reroutes: tuple[ReadRecord, ...]
    accepted: int
    duplicates: int
    refused: int


class Books:
    """The fold of one partition number over a state; it keeps nothing outside that state but the catalog."""

    def __init__(self, state: State, *, catalog: Catalog) -> None:
        self._state = state
        self._catalog = catalog

    def times(self) -> Times:
        """Give the clock and the boundary of the partition number (docs/ledger.md 2.3)."""
        return _times_of(self._state)

    def apply(self, records: Sequence[ReadRecord]) -> Applied:
        """Apply a batch; the records of each topic partition come in the order of its log.

        Guarantees that the rows given out so far are the same for any cutting into batches and any interleaving of topics;
        only the places that they name as their source may differ (docs/ledger.md 8.1).
        """
        batch = _Batch(OverlayState(self._state))
        for record in records:
            batch.take(record)
        changes = tuple(self._changes(batch))
        for key, value in batch.state.writes.items():
            if value is None:
                self._state.delete(key)
            else:
                self._state.put(key, value)
        return Applied(changes, tuple(batch.reroutes), batch.accepted, batch.duplicates, batch.refused)

    def _changes(self, batch: "_Batch") -> Iterator[Change]:
        yield from batch.dead_letters.values()
        for event, place in batch.masters.values():
            yield from _master_changes(read_master(self._state, event), event, place)
        times_before, times = _times_of(self._state), _times_of(batch.state)
        touched = dict(batch.touched)
        if batch.time_advanced_at is not None and times != times_before:
            for customer in self._customers_with_new_months(batch.state, times_before, times):
                touched.setdefault(customer, batch.time_advanced_at)
        for customer, place in touched.items():
            before = self._rows(self._state, customer, times_before)
            after = self._rows(batch.state, customer, times)
            yield from _differences(before, after, place)

    def _rows(self, state: State, customer: Customer, times: Times) -> dict[tuple[Any, ...], SourcedRow]:
        rows = rows_of(customer, read_customer(state, customer), catalog=self._catalog, times=times)
        return {_key_of(sourced.row): sourced for sourced in rows}

    def _customers_with_new_months(self, state: State, before: Times, after: Times) -> Iterator[Customer]:
        """Give the customers in whose zone the clock reached another month or the boundary passed a month's end."""
        moved: dict[str, bool] = {}
        for customer in all_customers(state):
            zone_name = self._catalog.zone_name(customer.organization_id)
            if zone_name not in moved:
                moved[zone_name] = _months_at(before, zone_name) != _months_at(after, zone_name)
            if moved[zone_name]:
                yield customer


class _Batch:
    """What the records of one batch came to, on top of the state before it."""

    def __init__(self, state: OverlayState) -> None:
        self.state = state
        self.touched: dict[Customer, Place] = {}
        self.masters: dict[tuple[Any, ...], tuple[MasterEvent, Place]] = {}
        self.dead_letters: dict[Place, Change] = {}
        self.reroutes: list[ReadRecord] = []
        self.time_advanced_at: Place | None = None
        self.accepted = 0
        self.duplicates = 0
        self.refused = 0

    def take(self, record: ReadRecord) -> None:
        """Give one record its verdict and keep what it says."""
        match record.content:
            case Reroute():
                self.reroutes.append(record)
            case Refusal() as refusal:
                self._refuse(record, refusal)
            case TimeAdvanced() as event:
                clock = read_topic_clock(self.state, record.place.topic)
                write_topic_clock(self.state, record.place.topic, advance(clock, event))
                self.time_advanced_at = record.first_place
                self.accepted += 1
            case CampaignDefined() | NameGiven() as event:
                keep_master(self.state, event)
                self.masters[_key_of(_master_row(event))] = (event, record.first_place)
                self.accepted += 1
            case event:
                self._take_customer_event(record, event)

    def _take_customer_event(self, record: ReadRecord, event: CustomerEvent) -> None:
        accept_from = read_topic_clock(self.state, record.place.topic).accept_from
        verdict = judge(
            event,
            standing=find_standing(self.state, event),
            accept_from=accept_from,
            record_timestamp=record.timestamp,
        )
        match verdict:
            case Refusal():
                self._refuse(record, verdict)
            case Verdict.DUPLICATE:
                self.duplicates += 1
            case Verdict.ACCEPTED:
                is_late_void = isinstance(event, CreditVoided) and accept_from is not None
                acts_at = max(event.occurred_at, accept_from or 0) if is_late_void else event.occurred_at
                customer = keep_event(self.state, Stored(event=event, place=record.first_place, acts_at=acts_at))
                self.touched[customer] = record.first_place
                self.accepted += 1

    def _refuse(self, record: ReadRecord, refusal: Refusal) -> None:
        """Keep everything that a refused record carried (docs/ledger.md 3.6)."""
        raw = record.raw
        row = DeadLetterRow(
            *record.first_place,
            reason=refusal.reason.value,
            field=refusal.field,
            detail=refusal.detail,
            timestamp=record.timestamp,
            key=raw.key,
            value=raw.value,
            headers=raw.headers,
        )
        self.dead_letters[record.first_place] = Change(row=row, source=record.first_place, deleted=False)
        self.refused += 1


def _times_of(state: State) -> Times:
    clocks = [read_topic_clock(state, topic) for topic in topics.CLOCKED_TOPICS]
    accept_from = [clock.accept_from for clock in clocks if clock.accept_from is not None]
    return Times(
        clock=max((clock.as_of for clock in clocks if clock.as_of is not None), default=None),
        boundary=min(accept_from) if len(accept_from) == len(clocks) else None,
    )


def _months_at(times: Times, zone_name: str) -> tuple[int | None, int | None]:
    calendar = calendar_of(zone_name)
    clock, boundary = (None if instant is None else calendar.month_of(instant).ordinal for instant in times)
    return clock, boundary


def _key_of(row: Row) -> tuple[Any, ...]:
    table = TABLE_OF_ROW_TYPE[type(row)]
    return table.name, *row[: table.key_length]


def _differences(
    before: dict[tuple[Any, ...], SourcedRow], after: dict[tuple[Any, ...], SourcedRow], place: Place
) -> Iterator[Change]:
    for key, sourced in before.items():
        if key not in after:
            yield Change(row=sourced.row, source=sourced.source or place, deleted=True)
    for key, sourced in after.items():
        known = before.get(key)
        if known is None or known.row != sourced.row:
            yield Change(row=sourced.row, source=sourced.source or place, deleted=False)


def _master_row(event: MasterEvent) -> CampaignRow | NameRow:
    if isinstance(event, NameGiven):
        return NameRow(event.organization_id, event.kind, event.named_id, event.name)
    return CampaignRow(
        organization_id=event.organization_id,
        campaign_id=event.campaign_id,
        name=event.name,
        campaign_type=event.campaign_type,
        created_from=event.created_from,
        created_from_id=event.created_from_id,
        targeted=event.targeted,
        channel=event.channel,
        credit_source=event.credit_source,
        status=event.status,
    )


def _master_changes(before: MasterEvent | None, after: MasterEvent, place: Place) -> Iterable[Change]:
    row = _master_row(after)
    if before is None or _master_row(before) != row:
        yield Change(row=row, source=place, deleted=False)
