"""The plain model: the books of a set of records, derived at once from all that was accepted (docs/ledger.md 4.1 and 8).

It is the second, independent path to the same figures as the projections: no state, no batches; between two calls nothing is
kept but calendars.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from plain_model.acceptance import LIVE_GRANTS_MAX, AcceptedEvent, Verdicts, accept
from plain_model.accounts import BURN_CRITERIA, Criterion
from plain_model.books import AccountBooks, AccountKey, Moment, Row, books_of
from plain_model.customers import CustomerKey, FoundConflict, accounts_of, by_customer
from plain_model.months import calendar_of
from schemas.catalog import Catalog
from schemas.errors import SettingsError
from schemas.events import CampaignDefined, NameGiven
from schemas.instants import format_instant
from schemas.records import Place, ReadRecord
from schemas.refusals import Refusal


class _Timing(NamedTuple):
    """The instant asked about, and the clock and boundary of each partition number; UTC microseconds."""

    as_of: int
    told_clock: int | None
    clocks: dict[int, int]
    boundaries: dict[int, int]

    def moment_of(self, partition: int) -> Moment:
        told = [clock for clock in (self.clocks.get(partition), self.told_clock) if clock is not None]
        return Moment(self.as_of, clock=max(told, default=None), boundary=self.boundaries.get(partition))


def derive(
    records: Iterable[ReadRecord],
    *,
    catalog: Catalog,
    as_of: int | None = None,
    burn_criteria: Sequence[Criterion] = BURN_CRITERIA,
    live_grants_max: int = LIVE_GRANTS_MAX,
) -> dict[str, object]:
    """Derive the books of a set of records.

    `records` may interleave topic partitions in any way; inside each they come in log order. `as_of` (UTC microseconds) is the
    instant that balances and lots are asked about, and moves the clock; without it that is the last `as_of` among the events,
    else the last `recorded_at`. `burn_criteria` is the order in which lots pay, `live_grants_max` the limit of docs/ledger.md
    3.11. Gives the lists of docs/ledger.md 8.3 by name, each sorted, and `duplicates`, a count. A pure function of its
    arguments. Raises SettingsError where `as_of` lies before the boundary of a partition number.
    """
    verdicts = accept(records, live_grants_max=live_grants_max)
    timing = _timing(verdicts, as_of)
    books = AccountBooks()
    conflicts: list[Row] = []
    for customer, events in by_customer(verdicts.accepted).items():
        accounts, found = accounts_of(events, catalog)
        conflicts.extend(_conflict_row(customer, conflict) for conflict in found)
        calendar = calendar_of(catalog.zone_name(customer.organization_id))
        for credit_type, account in accounts.items():
            key = AccountKey(customer.organization_id, customer.customer_id, credit_type)
            moment = timing.moment_of(customer.partition)
            part = books_of(key, account, calendar=calendar, moment=moment, burn_criteria=burn_criteria)
            books.snapshots.extend(part.snapshots)
            books.lots.extend(part.lots)
            books.allocations.extend(part.allocations)
            books.balances.extend(part.balances)
            books.campaign_usage.extend(part.campaign_usage)
    return {
        "snapshots": _sorted(books.snapshots),
        "lots": _sorted(books.lots),
        "allocations": _sorted(books.allocations),
        "balances": _sorted(books.balances),
        "campaign_usage": _sorted(books.campaign_usage),
        "conflicts": _sorted(conflicts),
        "campaigns": _sorted(_campaign_rows(verdicts.accepted)),
        "names": _sorted(_name_rows(verdicts.accepted)),
        "refusals": _sorted(_refusal_row(place, refusal) for place, refusal in verdicts.refusals.items()),
        "duplicates": verdicts.duplicates,
    }


def _timing(verdicts: Verdicts, as_of: int | None) -> _Timing:
    """Find the instant asked about and how far it moves the clocks.

    An instant that is told moves every clock up to it, as the last `recorded_at` does where no event tells the time; the last
    `as_of` among the events moves none, since each clock stands where its own events put it.
    """
    if as_of is not None:
        told_clock, asked_at = as_of, as_of
    elif verdicts.clocks:
        told_clock, asked_at = None, max(verdicts.clocks.values())
    else:
        told_clock, asked_at = verdicts.last_recorded_at, verdicts.last_recorded_at or 0
    settled_until = max(verdicts.boundaries.values(), default=asked_at)
    if asked_at < settled_until:
        raise SettingsError(f"as of {format_instant(asked_at)}: what lies before {format_instant(settled_until)} is settled")
    return _Timing(asked_at, told_clock, verdicts.clocks, verdicts.boundaries)


def _sorted(rows: Iterable[Row]) -> list[dict[str, object]]:
    return [row.content for row in sorted(rows, key=lambda row: row.sorted_by)]


def _conflict_row(customer: CustomerKey, conflict: FoundConflict) -> Row:
    names = (customer.organization_id, customer.customer_id, conflict.topic)
    content: dict[str, object] = {
        "organization_id": customer.organization_id,
        "customer_id": customer.customer_id,
        "topic": conflict.topic,
        "occurred_at": format_instant(conflict.occurred_at),
        "event_id": conflict.own_id,
        "conflict": str(conflict.conflict),
        "detail": conflict.detail,
    }
    return Row((*names, conflict.occurred_at, conflict.own_id), content)


def _campaign_rows(accepted: Iterable[AcceptedEvent]) -> list[Row]:
    """Give the definition of each campaign that is the last in its log (docs/ledger.md 1.9)."""
    standing: dict[tuple[int, str, str], Row] = {}
    for partition, event, _ in accepted:
        if isinstance(event, CampaignDefined):
            names = (event.organization_id, event.campaign_id)
            content: dict[str, object] = {
                "organization_id": event.organization_id,
                "campaign_id": event.campaign_id,
                "name": event.name,
                "campaign_type": event.campaign_type,
                "created_from": event.created_from,
                "created_from_id": event.created_from_id,
                "targeted": event.targeted,
                "channel": event.channel,
                "credit_source": event.credit_source,
                "status": event.status,
            }
            standing[(partition, *names)] = Row(names, content)
    return list(standing.values())


def _name_rows(accepted: Iterable[AcceptedEvent]) -> list[Row]:
    """Give each name that is the last in its log (docs/ledger.md 1.10)."""
    standing: dict[tuple[int, str, str, str], Row] = {}
    for partition, event, _ in accepted:
        if isinstance(event, NameGiven):
            names = (event.organization_id, event.kind, event.named_id)
            content: dict[str, object] = {
                "organization_id": event.organization_id,
                "kind": event.kind,
                "named_id": event.named_id,
                "name": event.name,
            }
            standing[(partition, *names)] = Row(names, content)
    return list(standing.values())


def _refusal_row(place: Place, refusal: Refusal) -> Row:
    content: dict[str, object] = {
        "topic": place.topic or None,
        "partition": place.partition,
        "offset": place.offset,
        "reason": str(refusal.reason),
        "field": refusal.field,
        "detail": refusal.detail,
    }
    return Row((place.topic, place.partition, place.offset), content)
