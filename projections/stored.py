"""How the accepted events of one partition number lie in a state (`projections.keys` says under which keys).

An event is kept in its wire form, which every later release can read; a consumption together with what was taken back of it
and how it is paid.
"""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar, cast

import msgspec

from projections import keys
from projections.kept_form import naming
from projections.keys import AccountKey, Customer, UsageKey
from projections.state import ReadableState, State
from projections.usage import Allocation, ConsumptionIdentity, Paid, Use
from schemas import codec
from schemas.errors import InvariantViolation
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

_SomeEvent = TypeVar("_SomeEvent", bound=Event)


class TopicClock(NamedTuple):
    """How far time is in one topic partition; None where nothing has been said yet (docs/ledger.md 2.1).

    `partition` and `offset` say where the record lies that moved it last.
    """

    as_of: int | None
    accept_from: int | None
    partition: int = 0
    offset: int = 0


class Stored(NamedTuple, Generic[_SomeEvent]):
    """An accepted event and where it lay first.

    `acts_at` is the instant at which it takes effect: for a void the later of its `occurred_at` and the `accept_from` that
    it met (docs/ledger.md 4.4), for any other event its `occurred_at`.
    """

    event: _SomeEvent
    place: Place
    acts_at: int


StoredEvent = Stored[CreditGranted] | Stored[CreditVoided] | Stored[CreditConsumed] | Stored[ConsumptionReversed]
"""An accepted event of a customer."""


class SeenNames(NamedTuple):
    """The organizations and credit types of all events that were ever accepted."""

    organizations: frozenset[str]
    credit_types: frozenset[str]


def customer_of(event: CustomerEvent) -> Customer:
    """Give the customer whose event it is."""
    return Customer(event.organization_id, event.customer_id)


def account_of(event: CreditGranted | CreditConsumed) -> AccountKey:
    """Give the account that an event is of."""
    return AccountKey(event.organization_id, event.customer_id, event.credit_type)


def read_topic_clock(state: ReadableState, topic: str) -> TopicClock:
    """Give the clock of a topic partition; nothing said yet gives None twice."""
    value = state.get(keys.CLOCK + topic.encode())
    return TopicClock(None, None) if value is None else _decode_clock(value)


def write_topic_clock(state: State, topic: str, clock: TopicClock) -> None:
    """Keep the clock of a topic partition."""
    state.put(keys.CLOCK + topic.encode(), msgspec.msgpack.encode(clock))


def find_standing(state: ReadableState, event: CustomerEvent) -> StoredEvent | None:
    """Find the accepted event that has the identity of this one, whatever its age (docs/ledger.md 3.3)."""
    match event:
        case CreditGranted():
            return read_grant(state, customer_of(event), event.grant_id)
        case CreditVoided():
            return read_void(state, customer_of(event), event.event_id)
        case _:
            key = find_identity(state, customer_of(event), event.event_id)
            if key is None:
                return None
            value = _present(state, key)
            if key.startswith(keys.REVERSAL):
                return cast(Stored[ConsumptionReversed], unpack(value))
            use = _unpack_use(value)
            return Stored(use.event, use.place, use.event.occurred_at)


def read_grant(state: ReadableState, customer: Customer, grant_id: str) -> Stored[CreditGranted] | None:
    """Give an accepted grant, or None."""
    value = state.get(keys.of(keys.GRANT, customer.key, grant_id.encode()))
    return None if value is None else cast(Stored[CreditGranted], unpack(value))


def keep_grant(state: State, stored: Stored[CreditGranted]) -> None:
    """Keep an accepted grant."""
    state.put(keys.of(keys.GRANT, customer_of(stored.event).key, stored.event.grant_id.encode()), _pack(stored))


def read_void(state: ReadableState, customer: Customer, event_id: str) -> Stored[CreditVoided] | None:
    """Give an accepted void, or None."""
    value = state.get(keys.of(keys.VOID, customer.key, event_id.encode()))
    return None if value is None else cast(Stored[CreditVoided], unpack(value))


def keep_void(state: State, stored: Stored[CreditVoided]) -> None:
    """Keep an accepted void, by its own identity and among those of its grant."""
    event, owner = stored.event, customer_of(stored.event).key
    state.put(keys.of(keys.VOID, owner, event.event_id.encode()), _pack(stored))
    state.put(_voids_of(owner, event.grant_id) + keys.instant_bytes(stored.acts_at) + event.event_id.encode(), b"")


def voids_of_grant(state: ReadableState, customer: Customer, grant_id: str) -> list[Stored[CreditVoided]]:
    """Give all voids of a grant, the one that stands first: the earliest by when it acts, then by `event_id`."""
    prefix = _voids_of(customer.key, grant_id)
    found = [keys.identity_at(key[len(prefix) :]) for key, _ in state.scan(prefix)]
    return [void for _, event_id in found if (void := read_void(state, customer, event_id)) is not None]


def _voids_of(owner: bytes, grant_id: str) -> bytes:
    return keys.of(keys.VOID_OF_GRANT, owner, grant_id.encode(), b"")


def find_identity(state: ReadableState, customer: Customer, event_id: str) -> bytes | None:
    """Give the key under which the consumption or reversal with an id lies."""
    return state.get(keys.of(keys.IDENTITY, customer.key, event_id.encode()))


def usage_key(account: AccountKey, identity: ConsumptionIdentity) -> bytes:
    """Give the key of a consumption."""
    return keys.at(keys.USAGE, account.key, *identity)


def keep_use(state: State, use: Use) -> None:
    """Keep a consumption, with what was taken back of it and how it is paid."""
    event = use.event
    state.put(usage_key(account_of(event), (event.occurred_at, event.event_id)), _pack_use(use))


def keep_identity(state: State, customer: Customer, event_id: str, key: bytes) -> None:
    """Let a consumption or a reversal be found by its id."""
    state.put(keys.of(keys.IDENTITY, customer.key, event_id.encode()), key)


def read_use(state: ReadableState, account: AccountKey, identity: ConsumptionIdentity) -> Use:
    """Give a consumption that is known to be there; raises InvariantViolation where it is not."""
    return read_use_at(state, usage_key(account, identity))


def read_use_at(state: ReadableState, key: bytes) -> Use:
    """Give the consumption that lies under a key; raises InvariantViolation where none does."""
    return _unpack_use(_present(state, key))


def put_aside(state: State, account: AccountKey, use: Use) -> None:
    """Keep a consumption of a settled month for its identity alone, which counts still unless a newer event goes by it."""
    known_as = usage_key(account, use.identity)
    key = keys.at(keys.SETTLED_USAGE, account.key, *use.identity)
    state.delete(known_as)
    state.put(key, _pack_use(use))
    if find_identity(state, account.customer, use.event.event_id) == known_as:
        keep_identity(state, account.customer, use.event.event_id, key)


def find_use(state: ReadableState, customer: Customer, identity: ConsumptionIdentity) -> Use | None:
    """Find a consumption by the two things that a reversal names; None where none was accepted, or it is forgotten."""
    key = find_identity(state, customer, identity[1])
    if key is None or not key.startswith(keys.USAGE):
        return None
    account, rest = keys.split(key)
    if account.customer != customer or keys.identity_at(rest) != identity:
        return None
    return _unpack_use(_present(state, key))


class KeptUse(NamedTuple):
    """A consumption as it is kept: its place, how it is paid, and all of it, not taken apart yet."""

    identity: ConsumptionIdentity
    allocation: Allocation | None
    kept: bytes

    @property
    def paid(self) -> tuple[Paid, ...]:
        """What lots pay for it, as it was derived last."""
        return () if self.allocation is None else self.allocation.paid

    def use(self) -> Use:
        """Take it apart."""
        return _unpack_use(self.kept)


def read_kept_uses(
    state: ReadableState, account: AccountKey, start: ConsumptionIdentity, *, until: ConsumptionIdentity
) -> Iterator[KeptUse]:
    """Give the consumption of an account from a place on up to and including another, as it is kept."""
    prefix = keys.all_of(keys.USAGE, account.key)
    prefix_length, last = len(prefix), keys.at(keys.USAGE, account.key, *until)
    for key, value in state.scan(prefix, start=keys.at(keys.USAGE, account.key, *start), last=last):
        yield KeptUse(keys.identity_at(key[prefix_length:]), _decode_payment(value).allocation, value)


def scan_uses(
    state: ReadableState, account: AccountKey, *, limit: int | None = None, letter: bytes = keys.USAGE
) -> Iterator[tuple[bytes, Use]]:
    """Give key and content of the consumption of an account, in the order of occurrence, of not more than `limit` uses."""
    prefix = keys.all_of(letter, account.key)
    return ((key, _unpack_use(value)) for key, value in state.scan(prefix, limit=limit))


def all_usage(state: ReadableState) -> Iterator[UsageKey]:
    """Give the key of every consumption that the state holds, account by account, in the order of occurrence."""
    for key, _ in state.scan(keys.USAGE):
        account, rest = keys.split(key)
        yield UsageKey(*account.customer, *keys.identity_at(rest))


def read_consumption(state: ReadableState, key: UsageKey) -> Stored[CreditConsumed] | None:
    """Give a consumption that the state holds, or None."""
    use = find_use(state, Customer(key.organization_id, key.customer_id), (key.occurred_at, key.event_id))
    return None if use is None else Stored(use.event, use.place, use.event.occurred_at)


def keep_reversal(state: State, stored: Stored[ConsumptionReversed]) -> bytes:
    """Keep an accepted reversal beside the consumption that it names; gives its key."""
    event, owner = stored.event, customer_of(stored.event).key
    marker = keys.at(keys.REVERSED, owner, event.consumed_at, event.consumption_event_id)
    state.put(marker, b"")
    key = _reversals_of(owner, (event.consumed_at, event.consumption_event_id)) + (
        keys.instant_bytes(event.occurred_at) + event.event_id.encode()
    )
    state.put(key, _pack(stored))
    return key


def reversals_of(state: ReadableState, customer: Customer, identity: ConsumptionIdentity) -> list[ConsumptionReversed]:
    """Give the reversals that name a consumption, in the order in which they act."""
    if state.get(keys.at(keys.REVERSED, customer.key, *identity)) is None:
        return []
    found = (unpack(value).event for _, value in state.scan(_reversals_of(customer.key, identity)))
    return [event for event in found if isinstance(event, ConsumptionReversed)]


def scan_reversals(state: ReadableState, customer: Customer) -> Iterator[tuple[bytes, ConsumptionReversed]]:
    """Give key and content of the reversals of a customer, in the order of the consumption that they name."""
    for key, value in state.scan(keys.all_of(keys.REVERSAL, customer.key)):
        event = unpack(value).event
        if isinstance(event, ConsumptionReversed):
            yield key, event


def _reversals_of(owner: bytes, identity: ConsumptionIdentity) -> bytes:
    return keys.at(keys.REVERSAL, owner, *identity) + b"\x00"


def see_names(state: State, event: CustomerEvent) -> None:
    """Remember organization and credit type of an event, of which nothing else may be left one day."""
    names = [b"o\x00" + event.organization_id.encode()]
    if isinstance(event, CreditGranted | CreditConsumed):
        names.append(b"t\x00" + event.credit_type.encode())
    for name in names:
        if state.get(keys.SEEN + name) is None:
            state.put(keys.SEEN + name, b"")


def seen_names(state: ReadableState) -> SeenNames:
    """Give the organizations and credit types that ever had an accepted event."""
    found: dict[bytes, set[str]] = {b"o": set(), b"t": set()}
    for key, _ in state.scan(keys.SEEN):
        kind, _, name = key[1:].partition(b"\x00")
        found[kind].add(name.decode())
    return SeenNames(frozenset(found[b"o"]), frozenset(found[b"t"]))


def read_master(state: ReadableState, event: MasterEvent) -> MasterEvent | None:
    """Give the definition or name that stands where this event would stand."""
    value = state.get(_master_key(event))
    return None if value is None else cast(MasterEvent, codec.decode(value))


def keep_master(state: State, event: MasterEvent) -> None:
    """Let a definition or name stand (docs/ledger.md 1.9 and 1.10)."""
    state.put(_master_key(event), codec.encode(event))


def _master_key(event: MasterEvent) -> bytes:
    letter = keys.CAMPAIGN if isinstance(event, CampaignDefined) else keys.NAME
    return letter + (key_of(event) or b"")


class _UsePayment(msgspec.Struct, array_like=True):
    """As much of a consumption as it is kept as its payment takes: what follows is passed over."""

    topic: msgspec.Raw
    partition: msgspec.Raw
    offset: msgspec.Raw
    reversed_micro: msgspec.Raw
    allocation: Allocation | None


def _present(state: ReadableState, key: bytes) -> bytes:
    value = state.get(key)
    if value is None:
        raise InvariantViolation(f"the state names {key!r}, and holds nothing there")
    return value


def _pack(stored: StoredEvent) -> bytes:
    return msgspec.msgpack.encode((*stored.place, stored.acts_at, codec.encode(stored.event)))


def unpack(value: bytes) -> StoredEvent:
    """Read a grant, a void or a reversal as it is kept; raises InvariantViolation for what is none."""
    return _decode_stored(value)


def _taken_apart(value: bytes) -> StoredEvent:
    topic, partition, offset, acts_at, wire = _PACKED.decode(value)
    return cast(StoredEvent, Stored(event=codec.decode(wire), place=Place(topic, partition, offset), acts_at=acts_at))


def _pack_use(use: Use) -> bytes:
    return msgspec.msgpack.encode((*use.place, use.reversed_micro, use.allocation, use.wire))


def _use_taken_apart(value: bytes) -> Use:
    topic, partition, offset, reversed_micro, allocation, wire = _PACKED_USE.decode(value)
    return Use(cast(CreditConsumed, codec.decode(wire)), wire, Place(topic, partition, offset), reversed_micro, allocation)


_PACKED = msgspec.msgpack.Decoder(tuple[str, int, int, int, bytes])
_PACKED_USE = msgspec.msgpack.Decoder(tuple[str, int, int, int, Allocation | None, bytes])
_decode_stored = naming(_taken_apart, what="accepted event")
_unpack_use = naming(_use_taken_apart, what="accepted event")
_decode_payment = naming(msgspec.msgpack.Decoder(_UsePayment).decode, what="accepted event")
_decode_clock = naming(msgspec.msgpack.Decoder(TopicClock).decode, what="clock")
