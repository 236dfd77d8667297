"""Invoices as consumption: one event a line, whose id follows from invoice and line (docs/ledger.md 1.7 and 3.3).

So an invoice that is sent again is a set of duplicates, and one of which a line was changed contradicts what stands.
"""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from creditstream.events import credit_consumed
from creditstream.values import Amount, Moment
from creditstream.wall_clock import now_microseconds
from schemas.errors import InvalidEvent
from schemas.events import CreditConsumed, LineItem
from schemas.instants import format_instant

_NAMESPACE = uuid.UUID("5d1d1f0e-6a0b-5c55-8f3f-6f1f2a9b7c10")
"""Of the ids of invoice lines; it never changes, since a line that got another id would be counted again."""


class InvoiceLine(NamedTuple):
    """One line: `kind` is USAGE_METER, ADDON, FIXED_FEE or LICENSE, `amount` what it asks for in credits."""

    line_id: str
    kind: str
    item: str
    amount: Amount
    cost: Amount | None = None
    currency: str | None = None


def invoice_lines(
    *,
    invoice_id: str,
    organization_id: str,
    customer_id: str,
    credit_type: str,
    invoiced_at: Moment,
    lines: Iterable[InvoiceLine],
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> list[CreditConsumed]:
    """Give the consumption of an invoice, one event a line in their order, all at the instant of the invoice.

    An event's id depends on the ids of invoice and line alone. What no credit covers of a line is what is due of it. Raises
    InvalidEvent for a line that stands twice, and as `credit_consumed` does, naming the line.
    """
    together = recorded_at or format_instant(now_microseconds())
    found: dict[str, CreditConsumed] = {}
    for line in lines:
        if line.line_id in found:
            raise InvalidEvent("activity.line_id", f"stands twice in the invoice: {line.line_id!r}")
        try:
            found[line.line_id] = credit_consumed(
                event_id=line_event_id(invoice_id, line.line_id),
                organization_id=organization_id,
                customer_id=customer_id,
                occurred_at=invoiced_at,
                credit_type=credit_type,
                amount=line.amount,
                activity=LineItem(invoice_id, line.line_id, line.kind, line.item),
                cost=line.cost,
                currency=line.currency,
                recorded_at=together,
                actor=actor,
            )
        except InvalidEvent as error:
            raise InvalidEvent(error.field, f"{error.detail} (line {line.line_id!r})") from error
    return list(found.values())


def line_event_id(invoice_id: str, line_id: str) -> str:
    """Give the event id of an invoice line, which a reversal of it names as `consumption_event_id`."""
    # No id contains the bar, so that no two pairs of ids read alike.
    return f"line-{uuid.uuid5(_NAMESPACE, f'{invoice_id}|{line_id}')}"
