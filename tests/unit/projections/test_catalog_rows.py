"""The rows of the catalog: organizations, and months that cover every instant of the ledger once."""

from itertools import pairwise

import pytest

from projections.calendar import calendar_of
from projections.catalog_rows import OrganizationRow, organization_rows, zone_month_rows, zones_of
from schemas.catalog import parse_catalog
from schemas.instants import INSTANT_LIMIT, MICROSECONDS_PER_DAY
from tests.support.world_instants import ZONES


def test_organizations_come_by_their_ids_and_one_stands_for_all_others():
    """The one without a name lives in UTC, as whatever the catalog does not name."""
    catalog = parse_catalog('[organizations.b]\ntime_zone = "Asia/Kolkata"\ncurrency = "INR"\n[organizations.a]\n')
    rows = organization_rows(catalog)
    assert rows == [
        OrganizationRow("", "UTC", None),
        OrganizationRow("a", "UTC", None),
        OrganizationRow("b", "Asia/Kolkata", "INR"),
    ]
    assert list(zones_of(rows)) == ["Asia/Kolkata", "UTC"]


@pytest.mark.parametrize("zone", [*ZONES, "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_each_instant_of_the_ledger_lies_in_one_month(zone):
    """The first month holds the first instant, the last the last; each begins where the one before ends."""
    rows = zone_month_rows(zone)
    assert rows[0].month_start <= 0 < rows[0].month_end
    assert rows[-1].month_start < INSTANT_LIMIT <= rows[-1].month_end
    assert all(before.month_end == after.month_start and before.month < after.month for before, after in pairwise(rows))
    calendar = calendar_of(zone)
    for row in rows[::200]:
        middle = max(0, row.month_start + MICROSECONDS_PER_DAY)
        assert calendar.month_of(middle).label == row.month
