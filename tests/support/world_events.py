"""What happens in a generated world: grants, voids, consumption, reversals and master data, before anything goes wrong.

Amounts are small and instants few, so that lots run out, ends tie and every criterion of the burn order gets its turn. Where
a draw has a plainest outcome it is the first, so that Hypothesis shrinks towards plain worlds.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from schemas.amounts import AMOUNT_LIMIT_MICRO, MICRO_PER_CREDIT
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
    CustomerEvent,
    DailyTopUp,
    LineItem,
    MasterEvent,
    NameGiven,
    Other,
    Selector,
    Session,
    sorted_scope,
)
from schemas.instants import INSTANT_LIMIT

PRIORITIES = (50, 50, 10, 90)
KINDS = ("ADDON", "ADDON", "ADDON", "USAGE_METER")
ITEMS = ("x", "x", "y")
SCOPES = (
    (),
    (),
    (),
    (),
    (Selector("ADDON", None),),
    (Selector("ADDON", None),),
    (Selector("ADDON", "x"),),
    (Selector("ADDON", "x"),),
    (Selector("USAGE_METER", None),),
    (Selector("ADDON", None), Selector("ADDON", "x")),
    (Selector("USAGE_METER", "y"), Selector("ADDON", None)),
)


class Stage(NamedTuple):
    """What the events of a world are drawn from; `instants` in order."""

    customers: tuple[tuple[str, str], ...]
    instants: list[int]
    priorities: Sequence[int]


def chance(random: Random, probability: float) -> bool:
    """Draw whether something out of the ordinary happens; shrinks towards no."""
    return random.random() >= 1 - probability


def story_of(random: Random, stage: Stage) -> list[CustomerEvent]:
    """Draw all that the customers of a world do."""
    story: list[CustomerEvent] = []
    main_types = [random.choice(("hours", "hours", "coins")) for _ in stage.customers]
    for customer, main_type in zip(stage.customers, main_types, strict=True):
        grants = _grants(random, stage, customer, main_type)
        consumption = [_consumption(random, stage, random.choice(grants), number) for number in range(random.randint(3, 12))]
        voids = _voids(random, stage, grants)
        reversals = [_reversal(random, stage, consumption, number) for number in range(random.choice((1, 2, 3, 0, 4)))]
        story += [*grants, *consumption, *voids, *reversals]
    return story


def masters_of(random: Random, stage: Stage) -> list[MasterEvent]:
    """Draw definitions of campaigns and names, some in several versions."""
    organization_id, customer_id = random.choice(stage.customers)
    masters: list[MasterEvent] = []
    for number in range(random.choice((0, 1, 3))):
        instant = random.choice(stage.instants)
        status = random.choice(("LIVE", "PROCESSED", "PAUSED"))
        masters.append(
            CampaignDefined(
                *(f"d{number}", organization_id, instant, instant, None),
                *(f"m{random.choice((1, 2))}", f"Spring {number}", "ALWAYS_ON", "CENTER", "k1", number, "SMS", "own", status),
            )
        )
        kind, named_id = random.choice((("CUSTOMER", customer_id), ("CENTER", "k1")))
        masters.append(NameGiven(f"n{number}", organization_id, instant, instant, None, kind, named_id, f"Name {number}"))
    return masters


def amount_of(random: Random) -> int:
    """Draw an amount: 1 to 20 as a rule, some with a fraction, few near the limit of what an amount may be."""
    whole = random.randint(1, 20) * MICRO_PER_CREDIT
    match random.choice(("whole",) * 7 + ("fraction", "fraction", "huge")):
        case "fraction":
            return whole - random.choice((1, MICRO_PER_CREDIT // 2, MICRO_PER_CREDIT // 3))
        case "huge":
            return AMOUNT_LIMIT_MICRO - whole if chance(random, 0.3) else whole
        case _:
            return whole


def _credit_type(random: Random, main_type: str) -> str:
    return random.choice((main_type,) * 12 + ("hours", "coins", "euros"))


def _grants(random: Random, stage: Stage, customer: tuple[str, str], main_type: str) -> list[CreditGranted]:
    grants: list[CreditGranted] = []
    for number in random.sample(range(6), random.choice((4, 2, 3, 5, 6))):
        drawn = _grant(random, stage, customer, main_type, number)
        is_sibling = bool(grants) and chance(random, 0.7)
        grants.append(_sibling(random, stage, random.choice(grants), drawn) if is_sibling else drawn)
    return grants


def _grant(random: Random, stage: Stage, customer: tuple[str, str], main_type: str, number: int) -> CreditGranted:
    effective_at = min(random.choice(stage.instants[:5]), random.choice(stage.instants))
    occurred_at = random.choice((effective_at, effective_at, random.choice(stage.instants)))
    later = [instant for instant in stage.instants if instant > effective_at][1:]
    has_cost = chance(random, 0.3)
    return CreditGranted(
        *(f"e-g{number}", *customer, occurred_at, occurred_at, random.choice((None, "u1"))),
        grant_id=f"g{number}",
        credit_type=_credit_type(random, main_type),
        name=f"Grant {number}",
        cadence=random.choice((ONCE, ONCE, MONTHLY)),
        amount_micro=None if chance(random, 0.08) else amount_of(random),
        priority=random.choice(stage.priorities),
        effective_at=effective_at,
        expires_at=random.choice((None, *later[-4:])),
        scope=sorted_scope(random.choice(SCOPES)),
        unit_cost_micro=random.choice((250_000, 333_333, 0)) if has_cost else None,
        currency=random.choice(("EUR", "USD")) if has_cost else None,
    )


def _sibling(random: Random, stage: Stage, elder: CreditGranted, drawn: CreditGranted) -> CreditGranted:
    """Make a grant that differs from an earlier one in one thing, so that each criterion comes to decide alone."""
    own = {"event_id": drawn.event_id, "grant_id": drawn.grant_id, "name": drawn.name, "recorded_at": drawn.recorded_at}
    end = INSTANT_LIMIT if elder.expires_at is None else elder.expires_at
    earlier = [instant for instant in stage.instants if instant < end and instant != elder.effective_at]
    later = [instant for instant in stage.instants if instant > elder.effective_at and instant != elder.expires_at]
    match random.choice(("start", "scope", "end", "limit", "limit", "scope", "priority", "made", "start", "end")):
        case "start":
            changed: dict[str, Any] = {"effective_at": random.choice(earlier[:4])} if earlier else {}
        case "end":
            changed = {"expires_at": random.choice((*later[-3:], None))}
        case "limit":
            changed = {"amount_micro": None if elder.amount_micro is not None else amount_of(random)}
        case "scope":
            changed = {"scope": sorted_scope(random.choice(SCOPES))}
        case "priority":
            changed = {"priority": random.choice(stage.priorities)}
        case "made":
            changed = {"occurred_at": random.choice(stage.instants)}
        case _:
            changed = {"amount_micro": drawn.amount_micro}
    return elder._replace(**own, **changed)


def _consumption(random: Random, stage: Stage, grant: CreditGranted, number: int) -> CreditConsumed:
    """Make a consumption that this grant could pay as a rule, with whatever else is valid then."""
    end = INSTANT_LIMIT if grant.expires_at is None else grant.expires_at
    valid = [instant for instant in stage.instants if grant.effective_at <= instant < end]
    occurred_at = random.choice(valid[:5]) if valid and not chance(random, 0.25) else random.choice(stage.instants)
    has_cost = chance(random, 0.25)
    customer = (grant.organization_id, grant.customer_id)
    return CreditConsumed(
        *(f"e{number}", *customer, occurred_at, occurred_at, None),
        credit_type=_credit_type(random, grant.credit_type),
        amount_micro=amount_of(random),
        activity=_activity(random, number),
        cost_micro=random.choice((7_500_000, 1, 0)) if has_cost else None,
        currency="EUR" if has_cost else None,
    )


def _activity(random: Random, number: int) -> Activity:
    match random.choice(("LineItem",) * 9 + ("CampaignSend",) * 3 + ("Booking", "Session", "DailyTopUp", "Other")):
        case "LineItem":
            return LineItem(f"i{number}", "l1", random.choice(KINDS), random.choice(ITEMS))
        case "CampaignSend":
            return CampaignSend(random.choice(("m1", "m2")), "k1", random.choice(("SMS", "EMAIL")), "own", random.randint(0, 9))
        case "Booking":
            return Booking(f"b{number}", random.choice((None, "u1")), "Desk 4")
        case "Session":
            return Session("m1", "k1", "SMS", "own", random.randint(0, 90))  # the words of a send
        case "DailyTopUp":
            return DailyTopUp("i1", "l1", "ADDON", "x")  # the words of an invoice line
        case _:
            return Other("breakage")


def _voids(random: Random, stage: Stage, grants: list[CreditGranted]) -> list[CreditVoided]:
    """Make voids, several of one grant among them."""
    voids: list[CreditVoided] = []
    grant = random.choice(grants)
    for number in range(random.choice((1, 2, 0, 3))):
        grant = random.choice((grant, random.choice(grants)))
        voids.append(_void(random, stage, grant, number))
    return voids


def _void(random: Random, stage: Stage, grant: CreditGranted, number: int) -> CreditVoided:
    positions = ("within", "start", "end", "after", "before", "anywhere", "after")
    occurred_at = _void_instant(random, stage, grant, random.choice(positions))
    grant_id = f"g{random.randint(4, 7)}" if chance(random, 0.2) else grant.grant_id
    customer = (grant.organization_id, grant.customer_id)
    return CreditVoided(f"v{number}", *customer, occurred_at, occurred_at, None, grant_id, random.choice((None, "left")))


def _void_instant(random: Random, stage: Stage, grant: CreditGranted, position: str) -> int:
    start, end = grant.effective_at, grant.expires_at or stage.instants[-1]
    match position:
        case "within":
            candidates = [instant for instant in stage.instants if start < instant < end]
        case "start":
            candidates = [start]
        case "end":
            candidates = [end]
        case "before":
            candidates = [instant for instant in stage.instants if instant < start]
        case "after":
            candidates = [end + 1, *(instant for instant in stage.instants if instant > end)]
        case _:
            candidates = []
    return random.choice(candidates or stage.instants)


def _reversal(random: Random, stage: Stage, consumption: list[CreditConsumed], number: int) -> ConsumptionReversed:
    event = consumption[0] if chance(random, 0.3) else random.choice(consumption)
    amount_micro = random.choice(
        (
            None,
            max(1, event.amount_micro // 2),
            random.randint(1, event.amount_micro),
            event.amount_micro,
            event.amount_micro + amount_of(random) if event.amount_micro < AMOUNT_LIMIT_MICRO // 2 else None,
        )
    )
    occurred_at = random.choice((event.occurred_at, random.choice(stage.instants)))
    is_wrong = chance(random, 0.2)
    return ConsumptionReversed(
        *(f"r{number}", event.organization_id, event.customer_id, occurred_at, occurred_at, None),
        consumption_event_id=f"e{random.randint(6, 12)}" if is_wrong and chance(random, 0.4) else event.event_id,
        consumed_at=random.choice(stage.instants) if is_wrong else event.occurred_at,
        amount_micro=amount_micro,
        reason=None,
    )
