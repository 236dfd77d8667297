"""What views need of the catalog: the organizations, and the months of their zones (docs/ledger.md 4.3).

No SQL computes a zone. A view that asks for the month of an instant finds it among the rows that are made here, which cover
every instant that the ledger takes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from projections.calendar import calendar_of
from schemas.catalog import DEFAULT_ZONE, Catalog, zone_of
from schemas.instants import INSTANT_LIMIT

UNNAMED = ""
"""The organization that stands for all that the catalog does not name."""


class OrganizationRow(NamedTuple):
    """An organization: the IANA name of its time zone, and the currency that it reports in (None: none told)."""

    organization_id: str
    zone: str
    currency: str | None


class ZoneMonthRow(NamedTuple):
    """A calendar month of a zone, [month_start, month_end) in UTC microseconds; `rules` is the zone as `zone_of` has it."""

    zone: str
    month: str
    month_start: int
    month_end: int
    rules: str


def organization_rows(catalog: Catalog) -> list[OrganizationRow]:
    """Give the organizations of a catalog by their ids, and first the one that stands for all others."""
    named = [
        OrganizationRow(organization_id, organization.zone_name, organization.currency)
        for organization_id, organization in catalog.organizations.items()
    ]
    return [OrganizationRow(UNNAMED, DEFAULT_ZONE, None), *sorted(named, key=lambda row: row.organization_id)]


def zones_of(organizations: Iterable[OrganizationRow]) -> dict[str, str]:
    """Give the zones of organizations, each with its rules as `zone_of` has them."""
    return {zone: zone_of(zone) for zone in sorted({organization.zone for organization in organizations})}


def zone_month_rows(zone: str) -> list[ZoneMonthRow]:
    """Give the months of a zone that hold any instant of the ledger (docs/ledger.md 1.2), in order."""
    calendar, rules = calendar_of(zone), zone_of(zone)
    months = calendar.months(calendar.month_of(0), calendar.month_of(INSTANT_LIMIT - 1))
    return [ZoneMonthRow(zone, month.label, month.start, month.end, rules) for month in months]
