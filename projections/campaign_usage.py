"""Campaign counters by customer and local day: a campaign's total is their sum (docs/ledger.md 7.1).

A counter is kept until its day's month is final; beside its row it counts the sends with a net amount above 0, since without
any there is no row.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from projections import keys
from projections.calendar import Calendar
from projections.kept_form import reader_of, write_kept
from projections.keys import AccountKey
from projections.rows import CampaignUsageRow
from projections.state import ReadableState, State
from schemas.events import CampaignSend, CreditConsumed

CounterName = tuple[str, str, str, str, str]
"""Campaign, center, local day, channel, credit source."""


class SendChange(NamedTuple):
    """What the net amount of one consumption was and is, in micro-credits; a new one was 0."""

    event: CreditConsumed
    net_micro_before: int
    net_micro: int


class Counter(NamedTuple):
    """What the sends under one name come to; `sends` counts those of a net amount above 0."""

    processed: int
    credits_micro: int
    sends: int


class CounterChange(NamedTuple):
    """One counter row that is new or other, or (`deleted`) has no send any more; then it carries what it had."""

    row: CampaignUsageRow
    deleted: bool


def count_sends(
    state: State, account: AccountKey, changes: Iterable[SendChange], *, calendar: Calendar
) -> Iterator[CounterChange]:
    """Keep the counters of an account, and give those that changed.

    A send reversed in part keeps its processed count, one reversed in full has none.
    """
    moved: dict[CounterName, Counter] = {}
    for event, net_micro_before, net_micro in changes:
        send = event.activity
        if not isinstance(send, CampaignSend):
            continue
        name = (send.campaign_id, send.center_id, calendar.day_of(event.occurred_at), send.channel, send.credit_source)
        sends = (net_micro > 0) - (net_micro_before > 0)
        known = moved.get(name, _NOTHING)
        moved[name] = Counter(
            known.processed + sends * send.processed, known.credits_micro + net_micro - net_micro_before, known.sends + sends
        )
    for name in sorted(moved):
        yield from _move(state, account, name, moved[name])


def read_counters(state: ReadableState, prefix: bytes) -> Iterator[CampaignUsageRow]:
    """Give the counter rows whose keys begin with a prefix."""
    for key, value in state.scan(prefix):
        account, rest = keys.split(key)
        campaign_id, center_id, day, channel, credit_source = rest.decode().split("\x00")
        yield _row(account, (campaign_id, center_id, day, channel, credit_source), _read(value))


def counter_key(account: AccountKey, name: CounterName) -> bytes:
    """Give the key of a counter."""
    return keys.of(keys.COUNTER, account.key, *(part.encode() for part in name))


def _move(state: State, account: AccountKey, name: CounterName, change: Counter) -> Iterator[CounterChange]:
    key = counter_key(account, name)
    value = state.get(key)
    before = _NOTHING if value is None else _read(value)
    after = Counter(*(sum(pair) for pair in zip(before, change, strict=True)))
    if after == before:
        return
    if after.sends:
        state.put(key, write_kept(after))
    else:
        state.delete(key)
    if after.sends and after[:2] != before[:2]:
        yield CounterChange(_row(account, name, after), deleted=False)
    elif before.sends and not after.sends:
        yield CounterChange(_row(account, name, before), deleted=True)


def _row(account: AccountKey, name: CounterName, counter: Counter) -> CampaignUsageRow:
    return CampaignUsageRow(*account, *name, counter.processed, counter.credits_micro)


_NOTHING = Counter(0, 0, 0)
_read = reader_of(Counter, what="campaign counter")
