"""What a balance counts beyond the scenarios: a month that the clock has not reached."""

from projections.fold import fold
from tests.support.building import catalog, monthly, placed, records, time_advanced, void

OTHER_CLOCK = placed(time_advanced("2026-03-10"), topic="credits.grants", partition=1)
"""Says the instant to ask about, on a partition number that has nothing else."""


def balance_of(*events):
    results = fold(records(*events, OTHER_CLOCK), catalog=catalog())
    return results["balances"][0], results["lots"]


def test_a_monthly_lot_is_valid_whether_or_not_the_clock_is_there():
    """The lot of March counts on 10 March, though its partition number has no clock and lists no lot (6.1)."""
    balance, lots = balance_of(monthly("m1", "40", "2026-01-05"))
    assert lots == []
    assert (balance["granted"], balance["available"], balance["next_expiry"]) == ("40", "40", "2026-04-01T00:00:00Z")


def test_a_voided_month_is_not_valid_again():
    """A grant voided in February has no lot in March."""
    balance, _ = balance_of(monthly("m1", "40", "2026-01-05"), void("m1", "2026-02-10"))
    assert balance["granted"] == "0"


def test_a_void_later_in_the_month_ends_its_lot():
    """On 10 March the lot still counts, and what it has lapses when the void comes."""
    balance, _ = balance_of(monthly("m1", "40", "2026-01-05"), void("m1", "2026-03-20"))
    assert (balance["granted"], balance["next_expiry"]) == ("40", "2026-03-20T00:00:00Z")
