"""How many grants an account has that have not expired, of which there is a limit (docs/ledger.md 3.11).

Whether a grant has expired is told by the `accept_from` of its own topic partition, so that every reader counts alike. A void
lies in another topic and frees no place; whether the catalog knows the credit type does not matter either.

A grant is indexed by its end. What has expired leaves the index when the account is looked at next, each grant once; so the
state follows from the log of the grants alone, whatever the batches.
"""

from typing import NamedTuple

import msgspec

from projections import keys
from projections.kept_form import naming
from projections.keys import AccountKey
from projections.state import ReadableState, State
from projections.stored import account_of
from schemas.events import CreditGranted
from schemas.instants import INSTANT_LIMIT

LIVE_GRANTS_MAX = 10_000
"""How many grants that have not expired an account may have."""


class _Live(NamedTuple):
    """How many grants of an account are indexed, and the end of the one that expires first; UTC microseconds."""

    grant_count: int
    first_end: int


def count_live_grants(state: State, account: AccountKey, *, accept_from: int | None) -> int:
    """Take the grants that have expired by `accept_from` out of the index, and count those of an account that are left."""
    live = _read(state, account)
    if accept_from is None or accept_from < live.first_end:
        return live.grant_count
    expired: list[bytes] = []
    first_end = INSTANT_LIMIT
    prefix = keys.all_of(keys.LIVE_GRANT, account.key)
    for key, _ in state.scan(prefix):
        end, _ = keys.identity_at(key[len(prefix) :])
        if end > accept_from:
            first_end = end
            break
        expired.append(key)
    for key in expired:
        state.delete(key)
    left = _Live(live.grant_count - len(expired), first_end)
    _write(state, account, left)
    return left.grant_count


def keep_live_grant(state: State, grant: CreditGranted, *, accept_from: int | None) -> None:
    """Count an accepted grant, unless it has expired by `accept_from`."""
    end = INSTANT_LIMIT if grant.expires_at is None else grant.expires_at
    if accept_from is not None and end <= accept_from:
        return
    account = account_of(grant)
    live = _read(state, account)
    state.put(keys.at(keys.LIVE_GRANT, account.key, end, grant.grant_id), b"")
    _write(state, account, _Live(live.grant_count + 1, min(live.first_end, end)))


def _read(state: ReadableState, account: AccountKey) -> _Live:
    value = state.get(keys.of(keys.LIVE_GRANT, account.key))
    return _Live(0, INSTANT_LIMIT) if value is None else _decode(value)


def _write(state: State, account: AccountKey, live: _Live) -> None:
    key = keys.of(keys.LIVE_GRANT, account.key)
    if live.grant_count:
        state.put(key, msgspec.msgpack.encode(live))
    else:
        state.delete(key)


_decode = naming(msgspec.msgpack.Decoder(_Live).decode, what="count of grants")
