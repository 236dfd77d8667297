"""Send events from Python: what an upstream product does with the client library.

credits up                      # Kafka and the ledger on this machine, in another terminal
python examples/emit.py         # or with the address of another Kafka
"""

import sys
from datetime import UTC, datetime
from decimal import Decimal

from creditstream import Booking, InvoiceLine, SyncEmitter, credit_consumed, grant_monthly, invoice_lines

ORGANIZATION, CUSTOMER = "acme", "c-1"


def main(brokers: str = "127.0.0.1:19092") -> None:
    """Promise credits, use some, and send an invoice; it may be run again, since copies change nothing."""
    grant = grant_monthly(
        event_id="plan-2026",
        organization_id=ORGANIZATION,
        customer_id=CUSTOMER,
        occurred_at="2026-01-01T00:00:00-05:00",
        grant_id="plan-2026",
        credit_type="coins",
        name="Plan 2026",
        amount=100,
        first_month="2026-01",
        last_month="2026-12",
        time_zone="America/New_York",
    )
    meeting = credit_consumed(
        event_id="booking-7",
        organization_id=ORGANIZATION,
        customer_id=CUSTOMER,
        occurred_at=datetime(2026, 3, 10, 15, 0, tzinfo=UTC),
        credit_type="coins",
        amount=Decimal("2.5"),
        activity=Booking("7", member_id="ada", resource="Room 3"),
    )
    invoice = invoice_lines(
        invoice_id="2026-03",
        organization_id=ORGANIZATION,
        customer_id=CUSTOMER,
        credit_type="usd",
        invoiced_at="2026-04-01T00:00:00-04:00",
        lines=[InvoiceLine("1", "ADDON", "seats", "49.90"), InvoiceLine("2", "USAGE_METER", "sms", "3.12")],
    )
    with SyncEmitter(brokers) as emitter:
        for position in emitter.emit_all([grant, meeting, *invoice]):
            print(f"{position.topic}/{position.partition} at {position.offset}")


if __name__ == "__main__":
    main(*sys.argv[1:])
