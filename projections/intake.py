"""The acceptance of one batch: each record gets its verdict, what was accepted is kept, and what hangs on it is noted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from projections.acceptance import Verdict, advance, judge, judge_count
from projections.calendar import Calendar, calendar_of
from projections.campaign_usage import SendChange
from projections.conflicts import catalog_conflict_row, reversal_conflict_rows, void_conflict_row
from projections.event_rows import grant_row, ledger_row
from projections.keys import AccountKey
from projections.live_grants import count_live_grants, keep_live_grant
from projections.progress import GrantChange, Touched
from projections.rows import TABLE_OF_ROW_TYPE, CampaignRow, Change, ConflictRow, DeadLetterRow, NameRow
from projections.settlement import keep_conflict_due, keep_reversal_due
from projections.state import State
from projections.stored import (
    Stored,
    StoredEvent,
    account_of,
    customer_of,
    find_standing,
    find_use,
    keep_grant,
    keep_identity,
    keep_master,
    keep_reversal,
    keep_use,
    keep_void,
    read_grant,
    read_master,
    read_topic_clock,
    reversals_of,
    see_names,
    usage_key,
    voids_of_grant,
    write_topic_clock,
)
from projections.usage import Use, identity_of, take_back
from schemas import codec
from schemas.catalog import Catalog
from schemas.events import (
    CampaignDefined,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    CustomerEvent,
    MasterEvent,
    NameGiven,
    TimeAdvanced,
)
from schemas.records import Place, ReadRecord, Reroute
from schemas.refusals import Refusal


class Accepted(NamedTuple):
    """What the acceptance of one batch came to; the projections derive their rows from it, in any order.

    `facts` are the rows that say what an event says: ledger, grants, conflicts, master data. `accounts` are those of which
    payments, lots and months are to be derived anew, `sends` the campaign messages of which the net amount changed.
    `reroutes` are to be sent on to their own partition. `accepted`, `duplicates`, the refused and the reroutes add up to the
    records of the batch.
    """

    facts: tuple[Change, ...]
    accounts: dict[AccountKey, Touched]
    sends: dict[AccountKey, "TouchedSends"]
    refused: tuple[DeadLetterRow, ...]
    reroutes: tuple[ReadRecord, ...]
    accepted: int
    duplicates: int


@dataclass(slots=True)
class TouchedSends:
    """The campaign messages of an account of which a batch changed the net amount; `place` is the last record that did."""

    place: Place
    changes: list[SendChange] = field(default_factory=list)


class Intake:
    """Accepts the records of one batch, and gathers what they come to."""

    def __init__(self, state: State, catalog: Catalog, *, live_grants_max: int) -> None:
        self._state = state
        self._catalog = catalog
        self._live_grants_max = live_grants_max
        self._facts: list[Change] = []
        self._masters: dict[tuple[Any, ...], tuple[MasterEvent | None, MasterEvent, Place]] = {}
        self._accounts: dict[AccountKey, Touched] = {}
        self._sends: dict[AccountKey, TouchedSends] = {}
        self._dead_letters: dict[Place, DeadLetterRow] = {}
        self._reroutes: list[ReadRecord] = []
        self._accepted = 0
        self._duplicates = 0

    def accepted(self) -> Accepted:
        """Give what all of it came to."""
        return Accepted(
            facts=(*self._facts, *self._master_changes()),
            accounts=self._accounts,
            sends=self._sends,
            refused=tuple(self._dead_letters.values()),
            reroutes=tuple(self._reroutes),
            accepted=self._accepted,
            duplicates=self._duplicates,
        )

    def take(self, record: ReadRecord) -> None:
        """Give one record its verdict and keep what it says."""
        match record.content:
            case Reroute():
                self._reroutes.append(record)
            case Refusal() as refusal:
                self._refuse(record, refusal)
            case TimeAdvanced() as event:
                clock = read_topic_clock(self._state, record.place.topic)
                write_topic_clock(self._state, record.place.topic, advance(clock, event, record.first_place))
                self._accepted += 1
            case CampaignDefined() | NameGiven() as event:
                self._take_master(event, record.first_place)
                self._accepted += 1
            case event:
                self._take_customer_event(record, event)

    def _take_master(self, event: MasterEvent, place: Place) -> None:
        row = _master_row(event)
        key = (type(row), *row[: TABLE_OF_ROW_TYPE[type(row)].key_length])
        before = self._masters[key][0] if key in self._masters else read_master(self._state, event)
        self._masters[key] = (before, event, place)
        keep_master(self._state, event)

    def _master_changes(self) -> Iterator[Change]:
        """Give what stands otherwise than before the batch."""
        for before, event, place in self._masters.values():
            row = _master_row(event)
            if before is None or _master_row(before) != row:
                yield Change(row, place, deleted=False)

    def _take_customer_event(self, record: ReadRecord, event: CustomerEvent) -> None:
        accept_from = read_topic_clock(self._state, record.place.topic).accept_from
        verdict = judge(
            event,
            standing=find_standing(self._state, event),
            accept_from=accept_from,
            record_timestamp=record.timestamp,
        )
        if verdict is Verdict.ACCEPTED and isinstance(event, CreditGranted):
            live_count = count_live_grants(self._state, account_of(event), accept_from=accept_from)
            verdict = judge_count(event, live_count=live_count, live_grants_max=self._live_grants_max)
        match verdict:
            case Refusal():
                self._refuse(record, verdict)
            case Verdict.DUPLICATE:
                self._duplicates += 1
            case Verdict.ACCEPTED:
                self._accepted += 1
                is_late_void = isinstance(event, CreditVoided) and accept_from is not None
                acts_at = max(event.occurred_at, accept_from or 0) if is_late_void else event.occurred_at
                self.keep(Stored(event, record.first_place, acts_at), value=record.raw.value)

    def keep(self, stored: StoredEvent | Stored[CustomerEvent], *, value: bytes | None = None) -> None:
        """Keep an event that was accepted, and note what hangs on it."""
        see_names(self._state, stored.event)
        match stored.event:
            case CreditGranted() as event:
                self._take_grant(Stored(event, stored.place, stored.acts_at))
            case CreditVoided() as event:
                self._take_void(Stored(event, stored.place, stored.acts_at))
            case CreditConsumed() as event:
                self._take_consumption(event, stored.place, codec.kept_form(event, value))
            case ConsumptionReversed() as event:
                self._take_reversal(Stored(event, stored.place, stored.acts_at))

    def _take_grant(self, stored: Stored[CreditGranted]) -> None:
        grant, place = stored.event, stored.place
        keep_grant(self._state, stored)
        keep_live_grant(self._state, grant, accept_from=read_topic_clock(self._state, place.topic).accept_from)
        voids = voids_of_grant(self._state, customer_of(grant), grant.grant_id)
        self._change_conflicts([void_conflict_row(void.event) for void in voids], [], place)
        conflict = catalog_conflict_row(grant, self._catalog)
        if conflict is not None:
            self._change_conflicts([], [conflict], place)
            return
        void = voids[0] if voids else None
        self._facts.append(Change(grant_row(grant, void), place, deleted=False))
        self._touch(account_of(grant), place).take_grant(
            GrantChange(grant, is_new=True, voided_before=None, voided_at=None if void is None else void.acts_at)
        )

    def _take_void(self, stored: Stored[CreditVoided]) -> None:
        void, place = stored.event, stored.place
        customer = customer_of(void)
        before = voids_of_grant(self._state, customer, void.grant_id)
        keep_void(self._state, stored)
        grant = read_grant(self._state, customer, void.grant_id)
        if grant is None:
            self._change_conflicts([], [void_conflict_row(void)], place)
            return
        standing = voids_of_grant(self._state, customer, void.grant_id)[0]
        if catalog_conflict_row(grant.event, self._catalog) is not None or (before and before[0] == standing):
            return
        self._facts.append(Change(grant_row(grant.event, standing), grant.place, deleted=False))
        voided_before = before[0].acts_at if before else None
        if voided_before != standing.acts_at:
            self._touch(account_of(grant.event), place).take_grant(
                GrantChange(grant.event, is_new=False, voided_before=voided_before, voided_at=standing.acts_at)
            )

    def _take_consumption(self, event: CreditConsumed, place: Place, wire: bytes) -> None:
        customer, account = customer_of(event), account_of(event)
        reversals = reversals_of(self._state, customer, identity_of(event))
        outcome = take_back(event.amount_micro, reversals)
        use = Use(event, wire, place, sum(reversal.taken_micro for reversal in outcome), None)
        keep_use(self._state, use)
        keep_identity(self._state, customer, event.event_id, usage_key(account, identity_of(event)))
        if reversals:
            self._change_conflicts(reversal_conflict_rows(None, reversals), reversal_conflict_rows(event, reversals), place)
        conflict = catalog_conflict_row(event, self._catalog)
        if conflict is not None:
            self._change_conflicts([], [conflict], place)
            keep_conflict_due(self._state, event, self._calendar(event.organization_id))
            return
        self._facts.append(Change(ledger_row(event, self._calendar(event.organization_id)), place, deleted=False))
        self._touch_use(use, net_micro_before=0, place=place)

    def _take_reversal(self, stored: Stored[ConsumptionReversed]) -> None:
        event, place = stored.event, stored.place
        customer, identity = customer_of(event), (event.consumed_at, event.consumption_event_id)
        before = reversals_of(self._state, customer, identity)
        keep_identity(self._state, customer, event.event_id, keep_reversal(self._state, stored))
        keep_reversal_due(self._state, event, self._calendar(event.organization_id))
        after = reversals_of(self._state, customer, identity)
        use = find_use(self._state, customer, identity)
        consumption = None if use is None else use.event
        self._change_conflicts(reversal_conflict_rows(consumption, before), reversal_conflict_rows(consumption, after), place)
        if use is None:
            return
        taken_micro = sum(reversal.taken_micro for reversal in take_back(use.event.amount_micro, after))
        if taken_micro == use.reversed_micro:
            return
        changed = use._replace(reversed_micro=taken_micro)
        keep_use(self._state, changed)
        if catalog_conflict_row(use.event, self._catalog) is None:
            self._touch_use(changed, net_micro_before=use.net_micro, place=place)

    def _touch_use(self, use: Use, *, net_micro_before: int, place: Place) -> None:
        account = account_of(use.event)
        self._touch(account, place).uses[identity_of(use.event)] = use
        sends = self._sends.setdefault(account, TouchedSends(place))
        sends.place = place
        sends.changes.append(SendChange(use.event, net_micro_before, use.net_micro))

    def _touch(self, account: AccountKey, place: Place) -> Touched:
        touched = self._accounts.setdefault(account, Touched(place))
        touched.place = place
        return touched

    def _change_conflicts(self, before: Iterable[ConflictRow], after: Iterable[ConflictRow], place: Place) -> None:
        """Let rows of conflicts go and come; what is alike before and after stays as it is."""
        rows_before = {row[:_CONFLICT_KEY_LENGTH]: row for row in before}
        rows_after = {row[:_CONFLICT_KEY_LENGTH]: row for row in after}
        self._facts += [Change(row, place, deleted=True) for key, row in rows_before.items() if key not in rows_after]
        self._facts += [Change(row, place, deleted=False) for key, row in rows_after.items() if rows_before.get(key) != row]

    def _calendar(self, organization_id: str) -> Calendar:
        return calendar_of(self._catalog.zone_name(organization_id))

    def _refuse(self, record: ReadRecord, refusal: Refusal) -> None:
        """Keep everything that a refused record carried (docs/ledger.md 3.6)."""
        raw = record.raw
        self._dead_letters[record.first_place] = DeadLetterRow(
            *record.first_place,
            reason=refusal.reason.value,
            field=refusal.field,
            detail=refusal.detail,
            timestamp=record.timestamp,
            key=raw.key,
            value=raw.value,
            headers=raw.headers,
        )


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


_CONFLICT_KEY_LENGTH = TABLE_OF_ROW_TYPE[ConflictRow].key_length
