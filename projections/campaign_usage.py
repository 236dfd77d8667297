"""Campaign counters by customer: a campaign's total is their sum (docs/ledger.md 7.1)."""

from collections.abc import Iterable, Iterator

from projections.calendar import Calendar
from projections.rows import CampaignUsageRow
from projections.stored import Customer
from projections.usage import Use
from schemas.events import CampaignSend


def campaign_usage_of(uses: Iterable[Use], *, customer: Customer, calendar: Calendar) -> Iterator[CampaignUsageRow]:
    """Sum the sends of a customer by credit type, campaign, center, local day, channel and credit source.

    A send reversed in part keeps its processed count, one reversed in full has none and alone makes no row.
    """
    sums: dict[tuple[str, str, str, str, str, str], tuple[int, int]] = {}
    for use in uses:
        event, send = use.event, use.event.activity
        if not isinstance(send, CampaignSend) or use.net_micro == 0:
            continue
        day = calendar.day_of(event.occurred_at)
        key = (event.credit_type, send.campaign_id, send.center_id, day, send.channel, send.credit_source)
        processed, credits_micro = sums.get(key, (0, 0))
        sums[key] = (processed + send.processed, credits_micro + use.net_micro)
    for key in sorted(sums):
        yield CampaignUsageRow(*customer, *key, *sums[key])
