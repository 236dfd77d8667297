"""The event lines of a scenario: `2026-03-10 consume e7 120 coins booking b1` becomes an event in its JSON form.

Pure: words in, what was said out. How it becomes records is `scenario_runner`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support.scenario_words import Phrase, take_amount, take_instant, take_text, take_whole_number

Fields = dict[str, object]
"""An event in its JSON form."""


class Defaults(NamedTuple):
    """Whose books are meant, and in what unit, where a line does not say."""

    organization_id: str = "o1"
    customer_id: str = "c1"
    credit_type: str = "coins"


class Placement(NamedTuple):
    """Where in the log a record lies; what is None follows from its event."""

    topic: str | None = None
    partition: int | None = None
    key: str | None = None
    stamped: str | None = None
    rerouted_from: str | None = None

    @property
    def is_told(self) -> bool:
        return any(value is not None for value in self)


class SaidEvent(NamedTuple):
    """An event in its JSON form."""

    fields: Fields
    placement: Placement


class SaidTime(NamedTuple):
    """A TimeAdvanced for one topic partition, or for all of them."""

    as_of: str
    accept_from: str | None
    placement: Placement


class SaidLine(NamedTuple):
    """A line of a file, letter by letter."""

    text: str


class SaidRow(NamedTuple):
    """A row of a CSV file, letter by letter, with the file's header and what is given for the whole file."""

    event_type: str
    activity_type: str | None
    header: str
    text: str


class SaidBytes(NamedTuple):
    """A record whose value is these bytes; None is a record without a value."""

    value: bytes | None
    placement: Placement


Said = SaidEvent | SaidTime | SaidLine | SaidRow | SaidBytes


def parse_event(phrase: Phrase, defaults: Defaults) -> Said:
    """Read one event line.

    Raises ScenarioError naming the word that is not known.
    """
    if phrase.take_if("time"):
        return _time(phrase)
    if phrase.take_if("bytes"):
        return _bytes(phrase)
    occurred_at = take_instant(phrase)
    verb = phrase.take("what happened")
    if verb not in _VERBS:
        raise phrase.unknown(verb)
    return _VERBS[verb](phrase, occurred_at, defaults)


class _Draft:
    """An event while its options are being read."""

    def __init__(self, event_type: str, occurred_at: str, defaults: Defaults, event_id: str, **fields: object) -> None:
        self.fields: Fields = {
            "type": event_type,
            "event_id": event_id,
            "organization_id": defaults.organization_id,
            "customer_id": defaults.customer_id,
            "occurred_at": occurred_at,
            **fields,
        }
        self._placement = Placement()

    def text(self, name: str) -> Callable[[Phrase], None]:
        return self.reading(name, take_text)

    def reading(self, name: str, reader: Callable[[Phrase], object]) -> Callable[[Phrase], None]:
        def read(phrase: Phrase) -> None:
            self.fields[name] = reader(phrase)

        return read

    def money(self, name: str) -> Callable[[Phrase], None]:
        def read(phrase: Phrase) -> None:
            self.fields[name], self.fields["currency"] = take_amount(phrase), take_text(phrase)

        return read

    def finish(self, phrase: Phrase, **readers: Callable[[Phrase], None]) -> SaidEvent:
        """Take what every event may say besides `readers`, whose names have dashes where lines do."""
        phrase.options(
            {
                "event": self.text("event_id"),
                "for": self.text("customer_id"),
                "in": self.text("organization_id"),
                "recorded": self.reading("recorded_at", take_instant),
                "actor": self.text("actor"),
                **{name.rstrip("_").replace("_", "-"): reader for name, reader in readers.items()},
                **_placing(self._place),
            }
        )
        return SaidEvent(self.fields, self._placement)

    def _place(self, **told: Any) -> None:
        self._placement = self._placement._replace(**told)


def _placing(place: Callable[..., None]) -> dict[str, Callable[[Phrase], None]]:
    def on(phrase: Phrase) -> None:
        if phrase.take_if("partition"):
            place(partition=take_whole_number(phrase))
        else:
            phrase.expect("topic")
            place(topic=take_text(phrase))

    def rerouted(phrase: Phrase) -> None:
        phrase.expect("from")
        place(rerouted_from=take_text(phrase))

    return {
        "on": on,
        "key": lambda phrase: place(key=take_text(phrase)),
        "stamped": lambda phrase: place(stamped=take_instant(phrase)),
        "rerouted": rerouted,
    }


def _grant(phrase: Phrase, occurred_at: str, defaults: Defaults) -> SaidEvent:
    grant_id = take_text(phrase)
    draft = _Draft(
        "CreditGranted",
        occurred_at,
        defaults,
        f"grant-{grant_id}",
        grant_id=grant_id,
        amount=take_amount(phrase),
        credit_type=take_text(phrase),
        cadence=_cadence(phrase),
        name=f"grant {grant_id}",
    )

    def scope(words: Phrase) -> None:
        kind, _, item = take_text(words).partition(":")
        selectors = draft.fields.setdefault("scope", [])
        selectors.append({"kind": kind, "item": item} if item else {"kind": kind})  # type: ignore[attr-defined]  # a list

    return draft.finish(
        phrase,
        name=draft.text("name"),
        priority=draft.reading("priority", take_whole_number),
        effective=draft.reading("effective_at", take_instant),
        expires=draft.reading("expires_at", take_instant),
        scope=scope,
        unit_cost=draft.money("unit_cost"),
    )


def _cadence(phrase: Phrase) -> str:
    word = phrase.take("once or monthly")
    if word not in ("once", "monthly"):
        raise phrase.unknown(word)
    return word.upper()


def _void(phrase: Phrase, occurred_at: str, defaults: Defaults) -> SaidEvent:
    grant_id = take_text(phrase)
    draft = _Draft("CreditVoided", occurred_at, defaults, f"void-{grant_id}", grant_id=grant_id)
    return draft.finish(phrase, reason=draft.text("reason"))


def _consume(phrase: Phrase, occurred_at: str, defaults: Defaults) -> SaidEvent:
    draft = _Draft(
        "CreditConsumed",
        occurred_at,
        defaults,
        take_text(phrase),
        amount=take_amount(phrase),
        credit_type=take_text(phrase),
        activity=_activity(phrase),
    )
    return draft.finish(phrase, cost=draft.money("cost"))


def _activity(phrase: Phrase) -> Fields:
    for word, (activity_type, named, parts) in _ACTIVITIES.items():
        if phrase.take_if(word):
            activity: Fields = {"type": activity_type, named: take_text(phrase)}
            while not phrase.ended:
                part = next((part for part in parts if phrase.take_if(part)), None)
                if part is None:
                    break
                field, reader = parts[part]
                activity[field] = reader(phrase)
            return activity
    return {"type": "Other", "label": "use"}


_ACTIVITIES: dict[str, tuple[str, str, dict[str, tuple[str, Callable[[Phrase], object]]]]] = {
    "booking": ("Booking", "booking_id", {"member": ("member_id", take_text), "resource": ("resource", take_text)}),
    "send": (
        "CampaignSend",
        "campaign_id",
        {
            "center": ("center_id", take_text),
            "channel": ("channel", take_text),
            "source": ("credit_source", take_text),
            "processed": ("processed", take_whole_number),
        },
    ),
    "session": (
        "Session",
        "session_id",
        {
            "staff": ("staff", take_text),
            "client": ("client", take_text),
            "program": ("program", take_text),
            "minutes": ("minutes", take_whole_number),
        },
    ),
    "top-up": (
        "DailyTopUp",
        "device_id",
        {"staff": ("staff", take_text), "client": ("client", take_text), "program": ("program", take_text)},
    ),
    "invoice": (
        "LineItem",
        "invoice_id",
        {"line": ("line_id", take_text), "kind": ("kind", take_text), "item": ("item", take_text)},
    ),
    "other": ("Other", "label", {}),
}
"""For each word: the activity, the field that follows at once, and the words of its other fields."""


def _reverse(phrase: Phrase, occurred_at: str, defaults: Defaults) -> SaidEvent:
    event_id = take_text(phrase)
    phrase.expect("of")
    consumption_event_id = take_text(phrase)
    phrase.expect("consumed")
    draft = _Draft(
        "ConsumptionReversed",
        occurred_at,
        defaults,
        event_id,
        consumption_event_id=consumption_event_id,
        consumed_at=take_instant(phrase),
    )
    return draft.finish(phrase, amount=draft.reading("amount", take_amount), reason=draft.text("reason"))


def _campaign(phrase: Phrase, occurred_at: str, defaults: Defaults) -> SaidEvent:
    campaign_id = take_text(phrase)
    draft = _Draft("CampaignDefined", occurred_at, defaults, f"campaign-{campaign_id}", campaign_id=campaign_id)
    del draft.fields["customer_id"]
    return draft.finish(
        phrase,
        name=draft.text("name"),
        type=draft.text("campaign_type"),
        from_=draft.text("created_from"),
        from_id=draft.text("created_from_id"),
        targeted=draft.reading("targeted", take_whole_number),
        channel=draft.text("channel"),
        source=draft.text("credit_source"),
        status=draft.text("status"),
    )


def _name(phrase: Phrase, occurred_at: str, defaults: Defaults) -> SaidEvent:
    kind, named_id = take_text(phrase), take_text(phrase)
    draft = _Draft("NameGiven", occurred_at, defaults, f"name-{named_id}", kind=kind, named_id=named_id, name=take_text(phrase))
    del draft.fields["customer_id"]
    return draft.finish(phrase)


_VERBS: dict[str, Callable[[Phrase, str, Defaults], SaidEvent]] = {
    "grant": _grant,
    "void": _void,
    "consume": _consume,
    "reverse": _reverse,
    "campaign": _campaign,
    "name": _name,
}


def _time(phrase: Phrase) -> SaidTime:
    as_of = take_instant(phrase)
    accept_from: str | None = None
    placement = Placement()

    def place(**told: Any) -> None:
        nonlocal placement
        placement = placement._replace(**told)

    def accept(words: Phrase) -> None:
        nonlocal accept_from
        words.expect("from")
        accept_from = take_instant(words)

    phrase.options({"accept": accept, **_placing(place)})
    return SaidTime(as_of, accept_from, placement)


def _bytes(phrase: Phrase) -> SaidBytes:
    word = phrase.take("bytes in hexadecimal, or none")
    placement = Placement()

    def place(**told: Any) -> None:
        nonlocal placement
        placement = placement._replace(**told)

    try:
        value = None if word == "none" else bytes.fromhex(word)
    except ValueError as error:
        raise phrase.where.error(f"{word!r} is no bytes in hexadecimal, in {phrase.text!r}") from error
    phrase.options(_placing(place))
    return SaidBytes(value, placement)
