"""Who is in the demo feed: four organizations of examples/catalog.toml, one for each domain, and their customers."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.amounts import MICRO_PER_CREDIT

COWORKING = "quay-desks"
SALON = "copper-salons"
CARE = "linden-care"
CLOUD = "stratus-cloud"
ORGANIZATIONS = (COWORKING, SALON, CARE, CLOUD)

CENTERS = {
    COWORKING: ("dockside", "old-mill"),
    SALON: ("north-loop", "river-west"),
    CARE: ("east-clinic", "park-clinic"),
    CLOUD: ("region-north", "region-south"),
}
CAMPAIGNS = ("birthday", "win-back", "new-season")
"""The campaigns that the salons define; one more is sent from that nobody defined."""

_CREDIT_TYPES = {
    COWORKING: ("coins", "coins", "coins", "hours"),
    SALON: ("messages",),
    CARE: ("sessions", "sessions", "topups"),
    CLOUD: ("usd",),
}
_MEAN_MICRO = {
    "coins": 4_000_000,
    "hours": 2_500_000,
    "messages": 90_000_000,
    "sessions": 1_150_000,
    "topups": 1_000_000,
    "usd": 25_000_000,
}
"""What a use takes on average, by credit type; plans are sized by it."""

_CUSTOMERS_MIN, _CUSTOMERS_MAX = 8, 400
_RECORDS_A_CUSTOMER = 125
_PLAN_FACTORS = (1.25, 1.1, 1.5, 0.95)
"""Most plans have room, every fourth one is a little too small."""

_FIRST_WORDS = ("Amber", "Birch", "Cobalt", "Dune", "Elm", "Fjord", "Garnet", "Heron", "Iris", "Juniper", "Kestrel", "Laurel")
_SECOND_WORDS = ("Atelier", "Bakers", "Clinic", "Design", "Foods", "House", "Labs", "Media", "Partners", "Studio", "Works")


class Customer(NamedTuple):
    """A customer: whose, what it is called, the type of its credits, how much it uses beside the others.

    `monthly_micro` is what its plan gives a month, in micro-credits.
    """

    organization_id: str
    customer_id: str
    name: str
    credit_type: str
    weight: float
    monthly_micro: int


def customers_of(chance: random.Random, *, record_count: int) -> list[Customer]:
    """Give the customers of a feed of so many records, a quarter of them in each organization; some are much larger."""
    count = min(_CUSTOMERS_MAX, max(_CUSTOMERS_MIN, record_count // _RECORDS_A_CUSTOMER))
    names = list(_names(chance, count))
    weights = [1 / (number // len(ORGANIZATIONS) + 4) for number in range(count)]
    uses_a_month = record_count * 0.8 / 4 / sum(weights)
    return [_customer(number, names[number], weights[number], uses_a_month * weights[number]) for number in range(count)]


def _customer(number: int, name: str, weight: float, uses_a_month: float) -> Customer:
    organization_id = ORGANIZATIONS[number % len(ORGANIZATIONS)]
    rank = number // len(ORGANIZATIONS)
    credit_types = _CREDIT_TYPES[organization_id]
    credit_type = credit_types[rank % len(credit_types)]
    wanted = uses_a_month * _MEAN_MICRO[credit_type] * _PLAN_FACTORS[rank % len(_PLAN_FACTORS)]
    monthly_micro = max(1, round(wanted / MICRO_PER_CREDIT)) * MICRO_PER_CREDIT
    return Customer(organization_id, name.lower().replace(" ", "-"), name, credit_type, weight, monthly_micro)


def _names(chance: random.Random, count: int) -> Iterator[str]:
    """Give so many names, no two alike: all pairs of words first, then the same with a number."""
    pairs: Sequence[str] = [f"{first} {second}" for first in _FIRST_WORDS for second in _SECOND_WORDS]
    for number in range(count):
        if number % len(pairs) == 0:
            pairs = chance.sample(pairs, len(pairs))
        name, turn = pairs[number % len(pairs)], number // len(pairs)
        yield name if turn == 0 else f"{name} {turn + 1}"
