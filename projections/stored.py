"""How the accepted events of one partition number lie in a state: the keys, and what stands under each.

A key is a letter, the customer, a zero byte and an identity; ids hold neither `|` nor control characters (docs/ledger.md
1.1), so no two keys run into each other. An event is kept in its wire form, which every later release can read.
"""

import struct
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar, cast

import msgspec

from projections.state import ReadableState, State
from schemas import codec
from schemas.errors import DecodeError, InvariantViolation
from schemas.events import (
    CampaignDefined,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    CustomerEvent,
    Event,
    MasterEvent,
    key_of,
)
from schemas.records import Place

_CLOCK, _CUSTOMER, _IDENTITY = b"T", b"C", b"I"
_GRANT, _VOID, _CONSUMPTION, _REVERSAL = b"G", b"V", b"U", b"R"
_CAMPAIGN, _NAME = b"D", b"N"

_INSTANT = struct.Struct(">q")
_SomeEvent = TypeVar("_SomeEvent", bound=Event)


class Customer(NamedTuple):
    """Whose events these are; everything that depends on one another lies within one customer."""

    organization_id: str
    customer_id: str

    @property
    def key(self) -> bytes:
        """The record key of the customer's events, which is also its part of a state's keys."""
        return f"{self.organization_id}|{self.customer_id}".encode()


class TopicClock(NamedTuple):
    """How far time is in one topic partition; None where nothing has been said yet (docs/ledger.md 2.1)."""

    as_of: int | None
    accept_from: int | None


class Stored(NamedTuple, Generic[_SomeEvent]):
    """An accepted event and where it lay first.

    `acts_at` is the instant at which it takes effect: for a void the later of its `occurred_at` and the `accept_from` that
    it met (docs/ledger.md 4.4), for any other event its `occurred_at`.
    """

    event: _SomeEvent
    place: Place
    acts_at: int


class UsageKey(NamedTuple):
    """What names a consumption in the state; `occurred_at` in UTC microseconds."""

    organization_id: str
    customer_id: str
    occurred_at: int
    event_id: str


class CustomerEvents(NamedTuple):
    """All accepted events of one customer that the state holds; consumption and reversals in the order of occurrence."""

    grants: list[Stored[CreditGranted]]
    voids: list[Stored[CreditVoided]]
    consumption: list[Stored[CreditConsumed]]
    reversals: list[Stored[ConsumptionReversed]]


def read_topic_clock(state: ReadableState, topic: str) -> TopicClock:
    """Give the clock of a topic partition; nothing said yet gives None twice."""
    value = state.get(_CLOCK + topic.encode())
    return TopicClock(None, None) if value is None else msgspec.msgpack.decode(value, type=TopicClock)


def write_topic_clock(state: State, topic: str, clock: TopicClock) -> None:
    """Keep the clock of a topic partition."""
    state.put(_CLOCK + topic.encode(), msgspec.msgpack.encode(clock))


def find_standing(state: ReadableState, event: CustomerEvent) -> Stored[CustomerEvent] | None:
    """Find the accepted event that has the identity of this one, whatever its age (docs/ledger.md 3.3)."""
    prefix = _customer_of(event).key + b"\x00"
    match event:
        case CreditGranted():
            value = state.get(_GRANT + prefix + event.grant_id.encode())
        case CreditVoided():
            value = state.get(_VOID + prefix + event.event_id.encode())
        case _:
            key = state.get(_IDENTITY + prefix + event.event_id.encode())
            value = None if key is None else state.get(key)
    return None if value is None else cast(Stored[CustomerEvent], _unpack(value))


def keep_event(state: State, stored: Stored[CustomerEvent]) -> Customer:
    """Keep an accepted event, where it can be found by its identity; gives its customer."""
    event = stored.event
    customer = _customer_of(event)
    prefix = customer.key + b"\x00"
    match event:
        case CreditGranted():
            state.put(_GRANT + prefix + event.grant_id.encode(), _pack(stored))
        case CreditVoided():
            state.put(_VOID + prefix + event.event_id.encode(), _pack(stored))
        case _:
            letter = _CONSUMPTION if isinstance(event, CreditConsumed) else _REVERSAL
            key = letter + prefix + _INSTANT.pack(event.occurred_at) + event.event_id.encode()
            state.put(key, _pack(stored))
            state.put(_IDENTITY + prefix + event.event_id.encode(), key)
    state.put(_CUSTOMER + customer.key, b"")
    return customer


def read_customer(state: ReadableState, customer: Customer) -> CustomerEvents:
    """Read all accepted events of a customer."""
    prefix = customer.key + b"\x00"
    return CustomerEvents(
        grants=_scan(state, _GRANT + prefix, CreditGranted),
        voids=_scan(state, _VOID + prefix, CreditVoided),
        consumption=_scan(state, _CONSUMPTION + prefix, CreditConsumed),
        reversals=_scan(state, _REVERSAL + prefix, ConsumptionReversed),
    )


def read_consumption(state: ReadableState, key: UsageKey) -> Stored[CreditConsumed] | None:
    """Give an accepted consumption, or None."""
    customer = Customer(key.organization_id, key.customer_id)
    value = state.get(_CONSUMPTION + customer.key + b"\x00" + _INSTANT.pack(key.occurred_at) + key.event_id.encode())
    return None if value is None else cast(Stored[CreditConsumed], _unpack(value))


def all_usage(state: ReadableState) -> Iterator[UsageKey]:
    """Give the key of every accepted consumption, customer by customer, in the order of occurrence."""
    for key, _ in state.scan(_CONSUMPTION):
        customer, _, rest = key[len(_CONSUMPTION) :].partition(b"\x00")
        organization_id, customer_id = customer.decode().split("|")
        [occurred_at] = _INSTANT.unpack(rest[: _INSTANT.size])
        yield UsageKey(organization_id, customer_id, occurred_at, rest[_INSTANT.size :].decode())


def all_customers(state: ReadableState) -> Iterator[Customer]:
    """Give every customer that has an accepted event."""
    for key, _ in state.scan(_CUSTOMER):
        organization_id, customer_id = key[len(_CUSTOMER) :].decode().split("|")
        yield Customer(organization_id, customer_id)


def all_credit_types(state: ReadableState) -> set[str]:
    """Give the credit types of all grants and consumption that the state holds, by reading all of them."""
    found = (_unpack(value).event for letter in (_GRANT, _CONSUMPTION) for _, value in state.scan(letter))
    return {event.credit_type for event in found if isinstance(event, CreditGranted | CreditConsumed)}


def read_master(state: ReadableState, event: MasterEvent) -> MasterEvent | None:
    """Give the definition or name that stands where this event would stand."""
    value = state.get(_master_key(event))
    return None if value is None else cast(MasterEvent, codec.decode(value))


def keep_master(state: State, event: MasterEvent) -> None:
    """Let a definition or name stand (docs/ledger.md 1.9 and 1.10)."""
    state.put(_master_key(event), codec.encode(event))


def _customer_of(event: CustomerEvent) -> Customer:
    return Customer(event.organization_id, event.customer_id)


def _master_key(event: MasterEvent) -> bytes:
    letter = _CAMPAIGN if isinstance(event, CampaignDefined) else _NAME
    return letter + (key_of(event) or b"")


def _pack(stored: Stored[CustomerEvent]) -> bytes:
    return msgspec.msgpack.encode((*stored.place, stored.acts_at, codec.encode(stored.event)))


def _unpack(value: bytes) -> Stored[Event]:
    try:
        topic, partition, offset, acts_at, wire = _PACKED.decode(value)
        event = codec.decode(wire)
    except (DecodeError, msgspec.DecodeError) as error:
        raise InvariantViolation(f"the state holds what is no accepted event: {error} in {value.hex()}") from error
    return Stored(event=event, place=Place(topic, partition, offset), acts_at=acts_at)


_PACKED = msgspec.msgpack.Decoder(tuple[str, int, int, int, bytes])


def _scan(state: ReadableState, prefix: bytes, event_type: type[_SomeEvent]) -> list[Stored[_SomeEvent]]:
    found = [_unpack(value) for _, value in state.scan(prefix)]
    return [cast(Stored[_SomeEvent], stored) for stored in found if isinstance(stored.event, event_type)]
