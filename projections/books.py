"""The books of one partition number: batches of records in, changed rows out.

The path of one batch reads top to bottom in `Books.apply`. Whatever was accepted lies in the state; rows are derived from
it, before and after the batch, and only what differs is given out, so that the rows that a reader has after any batches are
those that follow from the state (docs/ledger.md 4.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from projections.acceptance import Verdict, advance, judge
from projections.calendar import calendar_of
from projections.customer import SourcedRow, Times, balance_rows_of, campaign_rows_of
from projections.invariants import check_rows
from projections.kept_rows import keep
from projections.rows import TABLE_OF_ROW_TYPE, CampaignRow, Change, DeadLetterRow, NameRow, Row
from projections.state import OverlayState, ReadableState, State
from projections.stored import (
    Customer,
    CustomerEvents,
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


class CustomerChange(NamedTuple):
    """A customer whose rows may have changed: its accepted events before and after, and the record that did it."""

    customer: Customer
    before: CustomerEvents
    after: CustomerEvents
    place: Place


class Accepted(NamedTuple):
    """What the acceptance of one batch came to; the projections derive their rows from it, in any order.

    `reroutes` are to be sent on to their own partition. `accepted`, `duplicates`, the refused and the reroutes add up to the
    records of the batch.
    """

    customers: tuple[CustomerChange, ...]
    masters: tuple[Change, ...]
    refused: tuple[DeadLetterRow, ...]
    reroutes: tuple[ReadRecord, ...]
    times_before: Times
    times: Times
    accepted: int
    duplicates: int


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
        return times_of(self._state)

    def apply(self, records: Sequence[ReadRecord]) -> Applied:
        """Accept a batch and derive all that follows; the records of each topic partition come in the order of its log.

        Guarantees that the rows given out so far are the same for any cutting into batches and any interleaving of topics;
        only the places that they name as their source may differ (docs/ledger.md 8.1).
        """
        accepted = self.accept(records)
        changes = (
            *self.dead_letter_changes(accepted),
            *self.balance_changes(accepted),
            *self.campaign_changes(accepted),
        )
        return Applied(changes, accepted.reroutes, accepted.accepted, accepted.duplicates, len(accepted.refused))

    def accept(self, records: Sequence[ReadRecord]) -> Accepted:
        """Give each record of a batch its verdict and keep what was accepted; its rows follow from what is returned.

        All three kinds of changes are to be taken before the next batch is accepted.
        """
        batch = _Batch(OverlayState(self._state))
        for record in records:
            batch.take(record)
        times_before, times = times_of(self._state), times_of(batch.state)
        masters = [_master_change(read_master(self._state, event), event, place) for event, place in batch.masters.values()]
        customers = tuple(self._customer_changes(batch, times_before, times))
        for key, value in batch.state.writes.items():
            if value is None:
                self._state.delete(key)
            else:
                self._state.put(key, value)
        return Accepted(
            customers=customers,
            masters=tuple(change for change in masters if change is not None),
            refused=tuple(batch.dead_letters.values()),
            reroutes=tuple(batch.reroutes),
            times_before=times_before,
            times=times,
            accepted=batch.accepted,
            duplicates=batch.duplicates,
        )

    def balance_changes(self, accepted: Accepted) -> Iterator[Change]:
        """Give what changed of ledger, allocations, grants, lots, months and conflicts, and the master data; keeps balances.

        Raises InvariantViolation, naming account and record, where rows break a law of conservation.
        """
        yield from accepted.masters
        for customer, before, after, place in accepted.customers:
            rows_before = balance_rows_of(customer, before, catalog=self._catalog, times=accepted.times_before)
            rows_after = list(balance_rows_of(customer, after, catalog=self._catalog, times=accepted.times))
            check_rows((sourced.row for sourced in rows_after), place=place)
            yield from self._kept(_differences(rows_before, rows_after, place))

    def campaign_changes(self, accepted: Accepted) -> Iterator[Change]:
        """Give what changed of the campaign counters, and keep them."""
        for customer, before, after, place in accepted.customers:
            rows_before = campaign_rows_of(customer, before, catalog=self._catalog)
            rows_after = campaign_rows_of(customer, after, catalog=self._catalog)
            yield from self._kept(_differences(rows_before, rows_after, place))

    def dead_letter_changes(self, accepted: Accepted) -> Iterator[Change]:
        """Give a row for each refused record, with everything that it carried (docs/ledger.md 3.6)."""
        for row in accepted.refused:
            yield Change(row=row, source=Place(row.topic, row.partition, row.offset), deleted=False)

    def keep_all_rows(self) -> None:
        """Keep the rows of every customer anew, as they follow from the accepted events."""
        times = self.times()
        for customer in list(all_customers(self._state)):
            events = read_customer(self._state, customer)
            for sourced in (
                *balance_rows_of(customer, events, catalog=self._catalog, times=times),
                *campaign_rows_of(customer, events, catalog=self._catalog),
            ):
                keep(self._state, Change(row=sourced.row, source=_NO_PLACE, deleted=False))

    def _kept(self, changes: Iterable[Change]) -> Iterator[Change]:
        for change in changes:
            keep(self._state, change)
            yield change

    def _customer_changes(self, batch: "_Batch", times_before: Times, times: Times) -> Iterator[CustomerChange]:
        touched = dict(batch.touched)
        if batch.time_advanced_at is not None and times != times_before:
            for customer in self._customers_with_new_months(batch.state, times_before, times):
                touched.setdefault(customer, batch.time_advanced_at)
        for customer, place in touched.items():
            before, after = read_customer(self._state, customer), read_customer(batch.state, customer)
            yield CustomerChange(customer, before, after, place)

    def _customers_with_new_months(self, state: ReadableState, before: Times, after: Times) -> Iterator[Customer]:
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
        self.dead_letters: dict[Place, DeadLetterRow] = {}
        self.reroutes: list[ReadRecord] = []
        self.time_advanced_at: Place | None = None
        self.accepted = 0
        self.duplicates = 0

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
        self.dead_letters[record.first_place] = DeadLetterRow(
            *record.first_place,
            reason=refusal.reason.value,
            field=refusal.field,
            detail=refusal.detail,
            timestamp=record.timestamp,
            key=raw.key,
            value=raw.value,
            headers=raw.headers,
        )


def times_of(state: ReadableState) -> Times:
    """Give the clock and the boundary of a partition number (docs/ledger.md 2.3)."""
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


def _differences(before: Iterable[SourcedRow], after: Iterable[SourcedRow], place: Place) -> Iterator[Change]:
    """Give the rows of `before` that no longer follow, then those of `after` that are new or other."""
    rows_before = {_key_of(sourced.row): sourced for sourced in before}
    rows_after = {_key_of(sourced.row): sourced for sourced in after}
    for key, sourced in rows_before.items():
        if key not in rows_after:
            yield Change(row=sourced.row, source=sourced.source or place, deleted=True)
    for key, sourced in rows_after.items():
        known = rows_before.get(key)
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


def _master_change(before: MasterEvent | None, after: MasterEvent, place: Place) -> Change | None:
    row = _master_row(after)
    if before is not None and _master_row(before) == row:
        return None
    return Change(row=row, source=place, deleted=False)


_NO_PLACE = Place("", 0, 0)
"""Where kept rows come from is not kept."""
