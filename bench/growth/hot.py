"""One account with a million uses in the open window, beside as many uses of a thousand accounts.

Both have 1 % of late uses, up to 20 days late, and grants that pay for the most part; each is applied by a worker of its own,
one after the other. The ratio needs a quiet machine, and so much more the rates.
"""

from bench.growth.crowd import USES_ONLY, Crowd
from bench.growth.part import Part
from bench.growth.running import Place, Ran, run_worker

_SPREAD_COUNT = 1_000
_FIRST_GRANTS = 8


async def measure(place: Place, *, event_count: int) -> Part:
    """Run both workers; raises TransientError where one fails. One that is not done in time is told as far as it came."""
    spread = await run_worker(place, _crowd(_SPREAD_COUNT, event_count), name="spread")
    hot = await run_worker(place, _crowd(1, event_count), name="hot")
    rows = [_row(ran, ran.events_a_second / spread.events_a_second) for ran in (spread, hot)]
    figures = {
        name: {
            "account_count": ran.crowd.account_count,
            "event_count": ran.crowd.event_count,
            "done_count": ran.done_count,
            "seconds": ran.seconds,
            "events_a_second": ran.events_a_second,
            "lag": ran.lag,
            "peak_bytes": ran.peak,
            "warnings": ran.warnings,
            "loop_delays": ran.delays._asdict(),
        }
        for name, ran in (("spread", spread), ("hot", hot))
    }
    ratio = hot.events_a_second / spread.events_a_second
    heads = (
        "accounts",
        "uses",
        "events a second",
        "ratio",
        "seconds",
        "lag at the end",
        "warnings",
        "peak MB",
        "loop late by more than 50 ms",
    )
    return Part("A hot account", heads, rows, {**figures, "ratio": ratio})


def _crowd(account_count: int, event_count: int) -> Crowd:
    return Crowd(account_count, event_count, kinds=USES_ONLY, is_even=True, first_grants=_FIRST_GRANTS)


def _row(ran: Ran, ratio: float) -> tuple[str, ...]:
    return (
        f"{ran.crowd.account_count:,}",
        f"{ran.crowd.event_count:,}",
        f"{ran.events_a_second:,.0f}",
        f"{ratio:.2f}",
        f"{ran.seconds:.0f}",
        f"{ran.lag:,}",
        f"{len(ran.warnings)}",
        f"{ran.peak >> 20}",
        ran.delays.told(),
    )
