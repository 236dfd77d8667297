"""What an upstream product imports: events with checks before they are sent, and the clients that send them.

It needs neither Faust nor a store: only Kafka's client and what the events are written with. A name is imported when it is
first asked for, so that whoever needs only where Kafka is waits for neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creditstream.connection import Connection, KafkaSecurity
    from creditstream.emitter import Emitter
    from creditstream.events import (
        campaign_defined,
        consumption_reversed,
        credit_consumed,
        credit_granted,
        credit_voided,
        name_given,
    )
    from creditstream.invoices import InvoiceLine, invoice_lines, line_event_id
    from creditstream.monthly import grant_monthly
    from creditstream.registry import Registry
    from creditstream.registry_address import RegistryAddress
    from creditstream.sending import Position
    from creditstream.sync_emitter import SyncEmitter
    from creditstream.values import Amount, Moment
    from schemas.amounts import UNLIMITED
    from schemas.errors import CreditsError, EmitterClosed, InvalidEvent, NotAcknowledged, SettingsError, TransientError
    from schemas.events import (
        MONTHLY,
        ONCE,
        Activity,
        Booking,
        CampaignDefined,
        CampaignSend,
        ConsumptionReversed,
        CreditConsumed,
        CreditGranted,
        CreditVoided,
        DailyTopUp,
        Event,
        LineItem,
        NameGiven,
        Other,
        Selector,
        Session,
    )

__all__ = [
    "MONTHLY",
    "ONCE",
    "UNLIMITED",
    "Activity",
    "Amount",
    "Booking",
    "CampaignDefined",
    "CampaignSend",
    "Connection",
    "ConsumptionReversed",
    "CreditConsumed",
    "CreditGranted",
    "CreditVoided",
    "CreditsError",
    "DailyTopUp",
    "Emitter",
    "EmitterClosed",
    "Event",
    "InvalidEvent",
    "InvoiceLine",
    "KafkaSecurity",
    "LineItem",
    "Moment",
    "NameGiven",
    "NotAcknowledged",
    "Other",
    "Position",
    "Registry",
    "RegistryAddress",
    "Selector",
    "Session",
    "SettingsError",
    "SyncEmitter",
    "TransientError",
    "campaign_defined",
    "consumption_reversed",
    "credit_consumed",
    "credit_granted",
    "credit_voided",
    "grant_monthly",
    "invoice_lines",
    "line_event_id",
    "name_given",
]

_NAMES_OF_MODULE = {
    "creditstream.connection": ("Connection", "KafkaSecurity"),
    "creditstream.emitter": ("Emitter",),
    "creditstream.events": (
        "campaign_defined",
        "consumption_reversed",
        "credit_consumed",
        "credit_granted",
        "credit_voided",
        "name_given",
    ),
    "creditstream.invoices": ("InvoiceLine", "invoice_lines", "line_event_id"),
    "creditstream.monthly": ("grant_monthly",),
    "creditstream.registry": ("Registry",),
    "creditstream.registry_address": ("RegistryAddress",),
    "creditstream.sending": ("Position",),
    "creditstream.sync_emitter": ("SyncEmitter",),
    "creditstream.values": ("Amount", "Moment"),
    "schemas.amounts": ("UNLIMITED",),
    "schemas.errors": ("CreditsError", "EmitterClosed", "InvalidEvent", "NotAcknowledged", "SettingsError", "TransientError"),
    "schemas.events": (
        "MONTHLY",
        "ONCE",
        "Activity",
        "Booking",
        "CampaignDefined",
        "CampaignSend",
        "ConsumptionReversed",
        "CreditConsumed",
        "CreditGranted",
        "CreditVoided",
        "DailyTopUp",
        "Event",
        "LineItem",
        "NameGiven",
        "Other",
        "Selector",
        "Session",
    ),
}
_MODULE_OF_NAME = {name: module for module, names in _NAMES_OF_MODULE.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from where it is defined."""
    module = _MODULE_OF_NAME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)
