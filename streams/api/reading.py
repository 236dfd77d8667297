"""Balances and explanations of a customer, from the state of the worker that holds the customer's partition number.

Each answer is read between two turns of the worker's loop, so that its figures and its positions belong to one commit. What
is settled the state does not have: ClickHouse has it, and the sentence says how it is asked there.
"""

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from creditstream.wall_clock import now_microseconds
from projections.answers import AccountBalance, balances_of, explanation_of
from projections.results import balance_facts, explanation_facts
from schemas.catalog import Catalog
from schemas.errors import DerivingError, SettledError
from schemas.instants import format_instant
from streams.api.asked import Wait, asked_balances, asked_explanation, customer_of, number_of
from streams.api.forwarding import Forwarding
from streams.api.held import Held
from streams.api.refused import Refused, not_now
from streams.worker.partition import Partition


class Reading:
    """Answers questions about customers."""

    def __init__(self, held: Held, forwarding: Forwarding, *, catalog: Catalog, partition_count: int) -> None:
        self._held = held
        self._forwarding = forwarding
        self._catalog = catalog
        self._partition_count = partition_count

    async def balances(self, request: web.Request) -> web.Response:
        """Answer GET /v1/balances/{organization_id}/{customer_id}."""
        number = self._number_of(request)
        asked = asked_balances(request, number=number)
        if self._held.find(number) is None:
            return await self._ask_owner(request, number, asked.wait)
        partition = await self._held.applied(number, asked.wait)
        as_of = now_microseconds() if asked.as_of is None else asked.as_of
        zone_name = self._catalog.zone_name(asked.customer.organization_id)
        try:
            found = balances_of(
                _committed(partition), asked.customer, as_of=as_of, zone_name=zone_name, credit_type=asked.credit_type
            )
        except SettledError as error:
            raise Refused(410, f"{error}; 'credits balance' and the view account_balances have it", field="as_of") from error
        return web.json_response(
            {
                "organization_id": asked.customer.organization_id,
                "customer_id": asked.customer.customer_id,
                "as_of": format_instant(as_of),
                "partition": number,
                "positions": partition.committed_positions(),
                "balances": [_balance(one, as_of=as_of) for one in found],
            }
        )

    async def explanation(self, request: web.Request) -> web.Response:
        """Answer GET /v1/explain/{organization_id}/{customer_id}/{event_id}."""
        number = self._number_of(request)
        asked = asked_explanation(request, number=number)
        if self._held.find(number) is None:
            return await self._ask_owner(request, number, asked.wait)
        partition = await self._held.applied(number, asked.wait)
        zone_name = self._catalog.zone_name(asked.customer.organization_id)
        try:
            found = explanation_of(
                _committed(partition), asked.customer, asked.event_id, occurred_at=asked.occurred_at, zone_name=zone_name
            )
        except SettledError as error:
            raise Refused(410, f"{error}; 'credits explain' has it") from error
        except DerivingError as error:
            raise not_now(f"{error}; ask again") from error
        if found is None:
            raise _unknown(partition, asked.event_id, asked.occurred_at)
        return web.json_response(explanation_facts(found, as_of=found.consumption.occurred_at))

    def _number_of(self, request: web.Request) -> int:
        return number_of(customer_of(request), partition_count=self._partition_count)

    async def _ask_owner(self, request: web.Request, number: int, wait: Wait) -> web.Response:
        return await self._forwarding.ask_owner(request, number, wait_seconds=wait.seconds if wait.offsets else 0)


def _committed(partition: Partition) -> Any:
    state = partition.committed
    if state is None:
        raise not_now(f"partition number {partition.number} has just gone to another worker; ask again")
    return state


def _balance(found: AccountBalance, *, as_of: int) -> dict[str, Any]:
    """Write the balance of an account; where nothing that is published answers, only that it is being derived."""
    if found.balance is None:
        return {**dict(_names(found)), "as_of": format_instant(as_of), "deriving": True}
    return {**balance_facts(found.account, found.balance, as_of=as_of), "deriving": found.deriving}


def _names(found: AccountBalance) -> Iterator[tuple[str, str]]:
    return zip(("organization_id", "customer_id", "credit_type"), found.account, strict=True)


def _unknown(partition: Partition, event_id: str, occurred_at: int | None) -> Refused:
    times = partition.times()
    boundary = None if times is None else times.boundary
    if occurred_at is not None and boundary is not None and occurred_at < boundary:
        return Refused(
            410,
            f"{format_instant(occurred_at)} lies before {format_instant(boundary)}, and what was before that is settled; "
            "'credits explain' has it",
            field="occurred_at",
        )
    return Refused(
        404, f"the customer has no use of credits {event_id} that is not settled; 'credits explain' knows what is settled"
    )
