"""How each view is asked, with values that the examples have an answer for."""

from collections.abc import Mapping
from types import MappingProxyType

from projections.described_views import DescribedView
from projections.statements import VIEWS_DATABASE

_VALUES: Mapping[str, str] = MappingProxyType(
    {
        "organization": "harbor-desks",
        "customer": "",
        "credit_type": "",
        "month": "2026-03",
        "month_from": "2026-01",
        "month_to": "2026-05",
        "date_from": "2026-02-01",
        "date_to": "2026-05-31",
        "as_of": "2026-05-15T12:00:00Z",
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-06-01T00:00:00Z",
        "usage": "both",
        "occurred_at": "",
        "grant_id": "",
        "event_id": "",
        "text": "",
    }
)
"""What a parameter stands at where a view has no value of its own for it."""

_VALUES_OF_VIEW: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "account_statement": {"organization": "nimbus-cloud", "customer": "bluefin-labs", "credit_type": "usd"},
        "campaign_by_center": {"organization": "velvet-salons"},
        "campaign_by_date": {"organization": "velvet-salons"},
        "campaigns": {"organization": "velvet-salons"},
        "consumption_payment": {"organization": "nimbus-cloud", "customer": "bluefin-labs", "event_id": "il-06"},
        "credit_usage_report": {"organization": "brightcare"},
        "grant_statement": {"organization": "nimbus-cloud", "grant_id": "bluefin-a"},
        "hourly_credits_by_customer": {"organization": "harbor-desks"},
        "invoice_credits": {"organization": "nimbus-cloud"},
        "promotional_credits": {"organization": "nimbus-cloud"},
        "search": {"organization": "velvet-salons", "text": "brook"},
    }
)


def values_of(view: DescribedView) -> dict[str, str]:
    """Give a value for each parameter of a view."""
    values = {**_VALUES, **_VALUES_OF_VIEW.get(view.name, {})}
    return {parameter.name: values[parameter.name] for parameter in view.parameters}


def call_of(view: DescribedView) -> str:
    """Write a view with its values, as it stands behind FROM."""
    arguments = ", ".join(f"{name} = '{value}'" for name, value in values_of(view).items())
    return f"{VIEWS_DATABASE}.{view.name}({arguments})" if arguments else f"{VIEWS_DATABASE}.{view.name}"
