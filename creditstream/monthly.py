"""Monthly grants by their first and last month, as a contract says them (docs/ledger.md 4.1 to 4.3).

A monthly grant has one lot for each calendar month that it meets, and the full amount in each. An upstream in another time zone
that made the instants itself would buy a month of four hours: here they are made at the boundaries of the organization's own
months.
"""

import re
from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from creditstream.events import credit_granted
from creditstream.values import Amount, Moment
from schemas.catalog import load_zone
from schemas.errors import InvalidEvent, SettingsError
from schemas.events import DEFAULT_PRIORITY, MONTHLY, CreditGranted, Selector
from schemas.instants import format_instant
from schemas.local_days import first_instant

_MONTH = re.compile(r"(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)
_FIRST_YEAR_LEFT_OUT = 2200


def grant_monthly(
    *,
    event_id: str,
    organization_id: str,
    customer_id: str,
    occurred_at: Moment,
    grant_id: str,
    credit_type: str,
    name: str,
    amount: Amount,
    first_month: str,
    last_month: str | None,
    time_zone: str,
    priority: int = DEFAULT_PRIORITY,
    scope: Sequence[Selector] = (),
    unit_cost: Amount | None = None,
    currency: str | None = None,
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> CreditGranted:
    """Promise an amount for each month from the first to the last, both included and named as `2026-03`.

    Without a last month the grant never ends. `time_zone` is the IANA name of the zone that the catalog gives the organization.
    Raises InvalidEvent for a month or a zone that there is none of, and as `credit_granted` does.
    """
    zone = _zone(time_zone)
    first = _ordinal("first_month", first_month)
    last = None if last_month is None else _ordinal("last_month", last_month)
    if last is not None and last < first:
        raise InvalidEvent("last_month", f"must not lie before first_month, which is {first_month}")
    return credit_granted(
        event_id=event_id,
        organization_id=organization_id,
        customer_id=customer_id,
        occurred_at=occurred_at,
        grant_id=grant_id,
        credit_type=credit_type,
        name=name,
        cadence=MONTHLY,
        amount=amount,
        priority=priority,
        effective_at=_start_of("first_month", first, zone),
        expires_at=None if last is None else _start_of("last_month", last + 1, zone),
        scope=scope,
        unit_cost=unit_cost,
        currency=currency,
        recorded_at=recorded_at,
        actor=actor,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return load_zone(name)
    except SettingsError as error:
        raise InvalidEvent(
            "time_zone", f"must be the IANA name of a time zone such as America/New_York, not {name!r}"
        ) from error


def _ordinal(field: str, month: str) -> int:
    """Count the months from year 0 to the one that a text names."""
    match = _MONTH.fullmatch(month) if isinstance(month, str) else None
    if match is None:
        raise InvalidEvent(field, f"must be a month from 1970 up to 2199 such as 2026-03, not {month!r}")
    return int(match[1]) * 12 + int(match[2]) - 1


def _start_of(field: str, ordinal: int, zone: ZoneInfo) -> str:
    year, month = divmod(ordinal, 12)
    if year >= _FIRST_YEAR_LEFT_OUT:
        raise InvalidEvent(field, "must end before 2200; a grant without last month never ends")
    return format_instant(first_instant(date(year, month + 1, 1), zone=zone))
