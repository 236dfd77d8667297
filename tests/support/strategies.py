"""Events for Hypothesis: valid ones of every type up to the edges of what is allowed, and ones that are broken on purpose.

Broken events hold only values that Avro can carry, so that they can be written to the wire and as JSON alike.
"""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from schemas import events
from schemas.checks import ACCEPTANCE_WINDOW, COUNT_LIMIT, RECORDING_AHEAD_MAX
from schemas.events import Event, Selector
from schemas.instants import INSTANT_LIMIT

AMOUNT_LIMIT_MICRO = 10**18
RECORD_TIMESTAMP = 1_780_000_000_000_000
"""The record's timestamp at which valid events are valid, in UTC microseconds."""

IDS = st.sampled_from(
    ("a", "x" * 128, "\N{MUSICAL SYMBOL G CLEF}" * 128, " ", "é", "e\N{COMBINING ACUTE ACCENT}", "'\"\\,;:")
) | st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="|"), min_size=1, max_size=12)
TEXTS = st.sampled_from(("b", "y" * 256, "\N{MUSICAL SYMBOL G CLEF}" * 256, "\x00", "|", "\n\r\t", '"')) | st.text(
    st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12
)
NOTES = st.none() | st.just("") | TEXTS
INSTANTS = st.sampled_from((0, 1, 999_999, 1_000_000, INSTANT_LIMIT - 2)) | st.integers(0, INSTANT_LIMIT - 2)
RECORDED = st.sampled_from((0, RECORD_TIMESTAMP, RECORD_TIMESTAMP + RECORDING_AHEAD_MAX)) | st.integers(0, RECORD_TIMESTAMP)
AMOUNTS = st.sampled_from(
    (1, 10, 999_999, 1_000_000, 127, 128, 32_768, 2**63 % AMOUNT_LIMIT_MICRO, AMOUNT_LIMIT_MICRO - 1)
) | st.integers(1, AMOUNT_LIMIT_MICRO - 1)
MONEY = st.tuples(st.just(0) | AMOUNTS, st.sampled_from(("EUR", "GBP", "XXX"))) | st.just((None, None))
COUNTS = st.sampled_from((0, 1, COUNT_LIMIT - 1)) | st.integers(0, COUNT_LIMIT - 1)
SCOPES = st.lists(st.builds(Selector, st.sampled_from(events.LINE_KINDS), st.none() | TEXTS), max_size=4).map(
    events.sorted_scope
)

ACTIVITIES = st.one_of(
    st.builds(events.Booking, IDS, st.none() | IDS, NOTES),
    st.builds(events.CampaignSend, IDS, IDS, st.sampled_from(events.CHANNELS), TEXTS, COUNTS),
    st.builds(events.Session, IDS, TEXTS, TEXTS, TEXTS, COUNTS),
    st.builds(events.DailyTopUp, IDS, TEXTS, TEXTS, TEXTS),
    st.builds(events.LineItem, IDS, IDS, st.sampled_from(events.LINE_KINDS), TEXTS),
    st.builds(events.Other, TEXTS),
)

_MASTER = (IDS, IDS, INSTANTS, RECORDED, NOTES)
_CUSTOMER = (IDS, IDS, IDS, INSTANTS, RECORDED, NOTES)


@st.composite
def granted(draw: st.DrawFn) -> events.CreditGranted:
    """A valid CreditGranted."""
    effective_at = draw(INSTANTS)
    unit_cost_micro, currency = draw(MONEY)
    return events.CreditGranted(
        *[draw(part) for part in _CUSTOMER],
        grant_id=draw(IDS),
        credit_type=draw(TEXTS),
        name=draw(TEXTS),
        cadence=draw(st.sampled_from(events.CADENCES)),
        amount_micro=draw(st.none() | AMOUNTS),
        priority=draw(st.integers(1, 100)),
        effective_at=effective_at,
        expires_at=draw(st.none() | st.integers(effective_at + 1, INSTANT_LIMIT - 1)),
        scope=draw(SCOPES),
        unit_cost_micro=unit_cost_micro,
        currency=currency,
    )


@st.composite
def consumed(draw: st.DrawFn) -> events.CreditConsumed:
    """A valid CreditConsumed."""
    common = [draw(part) for part in _CUSTOMER]
    return events.CreditConsumed(*common, draw(TEXTS), draw(AMOUNTS), draw(ACTIVITIES), *draw(MONEY))


VALID_EVENTS: st.SearchStrategy[Event] = st.one_of(
    granted(),
    consumed(),
    st.builds(events.CreditVoided, *_CUSTOMER, IDS, NOTES),
    st.builds(events.ConsumptionReversed, *_CUSTOMER, IDS, INSTANTS, st.none() | AMOUNTS, NOTES),
    st.builds(
        events.CampaignDefined,
        *_MASTER,
        IDS,
        TEXTS,
        st.sampled_from(events.CAMPAIGN_TYPES),
        st.sampled_from(events.CREATED_FROM),
        st.none() | IDS,
        COUNTS,
        st.sampled_from(events.CHANNELS),
        TEXTS,
        st.sampled_from(events.CAMPAIGN_STATUSES),
    ),
    st.builds(events.NameGiven, *_MASTER, st.sampled_from(events.NAMED_KINDS), IDS, TEXTS),
    st.builds(
        events.TimeAdvanced,
        st.integers(ACCEPTANCE_WINDOW, RECORD_TIMESTAMP + RECORDING_AHEAD_MAX),
        st.none() | st.just(0),
    ),
)

_BAD_IDS = ("", "a|b", "x" * 129, "a\x00", "\x7f", "\x85")
_BAD_TEXTS = ("", "y" * 257)
_BAD_INSTANTS = (-1, INSTANT_LIMIT, RECORD_TIMESTAMP + RECORDING_AHEAD_MAX + 1, INSTANT_LIMIT - 1, 0)
_BAD_AMOUNTS = (0, -1, -AMOUNT_LIMIT_MICRO, AMOUNT_LIMIT_MICRO, 10**30)
_BAD_COUNTS = (-1, COUNT_LIMIT, 2**63 - 1, -(2**63))
_BAD_VALUES: dict[str, tuple[Any, ...]] = {
    "actor": ("y" * 257,),
    "reason": ("y" * 257,),
    "resource": ("y" * 257,),
    "amount_micro": _BAD_AMOUNTS,
    "unit_cost_micro": (None, *_BAD_AMOUNTS),
    "cost_micro": (None, *_BAD_AMOUNTS),
    "currency": (None, "", "eu", "EURO", "EÜR", "EUR\n"),
    "priority": (0, 101, -5, 2**31 - 1),
    "processed": _BAD_COUNTS,
    "minutes": _BAD_COUNTS,
    "targeted": _BAD_COUNTS,
    "scope": ((Selector("ADDON", ""),), (Selector("ADDON", None), Selector("LICENSE", "y" * 257))),
    "as_of": _BAD_INSTANTS,
    "accept_from": (*_BAD_INSTANTS, RECORD_TIMESTAMP),
}
"""For the fields of events and activities: what they must not say, or what does not suit every event."""

_WORDS = frozenset({"cadence", "channel", "kind", "campaign_type", "created_from", "status"})
"""Fields that are enums on the wire: what they must not say cannot be written."""


def _bad_values(field: str) -> tuple[Any, ...]:
    if field in _BAD_VALUES:
        return _BAD_VALUES[field]
    if field.endswith("_id"):
        return _BAD_IDS
    return _BAD_INSTANTS if field.endswith("_at") else _BAD_TEXTS


def _broken(draw: st.DrawFn, record: Any) -> Any:
    fields = [field for field in record._fields if field not in _WORDS and field != "activity"]
    chosen = draw(st.lists(st.sampled_from(fields), min_size=1, max_size=3, unique=True))
    return record._replace(**{field: draw(st.sampled_from(_bad_values(field))) for field in chosen})


@st.composite
def broken_events(draw: st.DrawFn) -> Event:
    """An event of which one to three fields, or its activity, say what they must not, or what may not suit the others."""
    event = draw(VALID_EVENTS)
    if isinstance(event, events.CreditConsumed) and draw(st.booleans()):
        event = event._replace(activity=_broken(draw, event.activity))
        return event if draw(st.booleans()) else _broken(draw, event)
    broken: Event = _broken(draw, event)
    return broken


class Mutation(NamedTuple):
    """A JSON object that was an event before something in it was changed, and the names that it was given."""

    fields: dict[str, Any]
    unknown: tuple[str, ...]


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(("unlimited", "\ud800", "1e5")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutations(draw: st.DrawFn, objects: st.SearchStrategy[dict[str, Any]]) -> Mutation:
    """A JSON object with fields taken away, replaced by any JSON value, and added."""
    fields = dict(draw(objects))
    names = [name for name in fields if name != "type"]
    for name in draw(st.lists(st.sampled_from(names), max_size=2)):
        fields.pop(name, None)
    for name in draw(st.lists(st.sampled_from(names), max_size=2)):
        fields[name] = draw(JSON_VALUES)
    unknown = draw(st.lists(st.sampled_from(("foo", "Amount", "event_id ", "", "\ud800", "bar")), max_size=2, unique=True))
    fields |= {name: draw(JSON_VALUES) for name in unknown}
    return Mutation(fields, tuple(unknown))
