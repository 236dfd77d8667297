"""The keys under which everything lies in the state of a partition number, and what names it.

A key is a letter, then names divided by zero bytes (names hold no control characters, docs/ledger.md 1.1), instants in eight
bytes, so that keys are in the order of time. Everything of a customer, and of an account, lies together.

| letter | key behind it | holds |
|---|---|---|
| T | topic | its clock |
| D, N | the master event's record key | definition, name |
| H | kind of name, name | an organization or a credit type that has an event |
| G | customer, grant | a grant, for ever |
| V | customer, event | a void, for ever |
| W | customer, grant, instant, event | the voids of a grant, earliest first |
| F | account; account, end, grant | how many grants have not expired; one that had not when last looked at |
| I | customer, event | where a consumption or a reversal lies, by its identity |
| U | account, instant, event | a consumption and its payment, as long as its month is not settled |
| O | account, instant, event | one of a settled month, whose identity counts still |
| C | account, instant, event | what the lots paid for a chunk of consumption, under the last of it |
| Q, R | customer, instant and event of the consumption (R: and of the reversal) | that it has reversals; a reversal |
| A | account | what is open of an account |
| L, X | account, end, start, grant | a lot that may still pay; one that is spent for good |
| P | account, grant | that a monthly grant may issue more lots |
| M | account, month | a month that is not final |
| K | account, campaign, center, day, channel, source | a campaign counter of a day that is not final |
| B, E | instant, account or customer | what is due when the clock (B) or the boundary (E) has reached the instant |

Small letters are of accounts that are being derived step by step; none is left when all is derived.

| letter | key behind it | holds |
|---|---|---|
| a | account | how far it is |
| q | steps, account | whose turn it is: that of which fewest steps were done |
| u, v | account, instant, event | a consumption to be derived in a pass of even (u) or odd (v) number |
| g | account, grant | a grant that is new or voided, for the next pass |
| p | account, instant, event | a consumption whose new payment is not published yet |
"""

import struct
from typing import NamedTuple

from schemas.instants import INSTANT_LIMIT

CLOCK, CAMPAIGN, NAME, SEEN = b"T", b"D", b"N", b"H"
GRANT, VOID, VOID_OF_GRANT, LIVE_GRANT = b"G", b"V", b"W", b"F"
IDENTITY, USAGE, REVERSED, REVERSAL = b"I", b"U", b"Q", b"R"
ACCOUNT, LOT, SPENT_LOT, PROMISE, MONTH, COUNTER = b"A", b"L", b"X", b"P", b"M", b"K"
SETTLED_USAGE, CHUNK = b"O", b"C"
DUE_BY_CLOCK, DUE_BY_BOUNDARY = b"B", b"E"
PROGRESS, TURN, GRANT_TO_DERIVE, UNPUBLISHED = b"a", b"q", b"g", b"p"
USAGE_TO_DERIVE = (b"u", b"v")

_DIVIDER = b"\x00"
_INSTANT = struct.Struct(">q")
_INSTANT_LENGTH = _INSTANT.size


class Customer(NamedTuple):
    """Whose events these are; everything that depends on one another lies within one customer."""

    organization_id: str
    customer_id: str

    @property
    def key(self) -> bytes:
        """The record key of the customer's events, which is also its part of a state's keys."""
        return f"{self.organization_id}|{self.customer_id}".encode()


class AccountKey(NamedTuple):
    """What names an account."""

    organization_id: str
    customer_id: str
    credit_type: str

    @property
    def customer(self) -> Customer:
        """The customer whose account it is."""
        return Customer(self.organization_id, self.customer_id)

    @property
    def key(self) -> bytes:
        """The account's part of a state's keys."""
        return f"{self.organization_id}|{self.customer_id}\x00{self.credit_type}".encode()


class UsageKey(NamedTuple):
    """What names a consumption; `occurred_at` in UTC microseconds."""

    organization_id: str
    customer_id: str
    occurred_at: int
    event_id: str


def instant_bytes(instant: int) -> bytes:
    """Write an instant so that the order of the bytes is that of time."""
    return _INSTANT.pack(instant)


def of(letter: bytes, owner: bytes, *parts: bytes) -> bytes:
    """Give the key, or the beginning of the keys, under a letter and an owner (account or customer)."""
    return _DIVIDER.join((letter + owner, *parts))


def all_of(letter: bytes, owner: bytes) -> bytes:
    """Give what all keys of an owner under a letter begin with."""
    return letter + owner + _DIVIDER


def at(letter: bytes, owner: bytes, instant: int, name: str = "") -> bytes:
    """Give the key under an owner at an instant, or what all such keys begin with."""
    return letter + owner + _DIVIDER + _INSTANT.pack(instant) + name.encode()


def of_lot(letter: bytes, owner: bytes, *, end: int | None, start: int, grant_id: str) -> bytes:
    """Give the key of a lot; one that never ends comes last."""
    instants = _INSTANT.pack(INSTANT_LIMIT if end is None else end) + _INSTANT.pack(start)
    return letter + owner + _DIVIDER + instants + grant_id.encode()


def due(letter: bytes, instant: int, owner: bytes) -> bytes:
    """Give the key of what is due at an instant."""
    return letter + _INSTANT.pack(instant) + owner


def read_due(key: bytes) -> tuple[int, bytes]:
    """Give instant and owner of a key of what is due."""
    [instant] = _INSTANT.unpack(key[1 : 1 + _INSTANT_LENGTH])
    return instant, key[1 + _INSTANT_LENGTH :]


def account_of(owner: bytes) -> AccountKey:
    """Read an account's part of a key."""
    customer, _, credit_type = owner.decode().partition("\x00")
    organization_id, _, customer_id = customer.partition("|")
    return AccountKey(organization_id, customer_id, credit_type)


def split(key: bytes) -> tuple[AccountKey, bytes]:
    """Give account and rest of a key that an account owns."""
    customer, credit_type, rest = key[1:].split(_DIVIDER, 2)
    return account_of(customer + _DIVIDER + credit_type), rest


def identity_at(rest: bytes) -> tuple[int, str]:
    """Read instant and name that a key ends with."""
    [instant] = _INSTANT.unpack(rest[:_INSTANT_LENGTH])
    return instant, rest[_INSTANT_LENGTH:].decode()
