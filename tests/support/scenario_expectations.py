"""The `then` lines of a scenario: what they expect.

Pure: words in, expectations out. Whether given results meet them is `scenario_comparison`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tests.support.scenario_events import Defaults
from tests.support.scenario_words import (
    Phrase,
    or_none,
    take_amount,
    take_day,
    take_month,
    take_text,
    take_whole_number,
    take_written_instant,
    take_yes_or_no,
)

Reader = Callable[[Phrase], object]


class RowExpected(NamedTuple):
    """Exactly one row of a list has this key, and these figures (maybe none); `figures` None: no row has this key."""

    list_name: str
    key: dict[str, object]
    figures: dict[str, object] | None


class OnlyExpected(NamedTuple):
    """The rows with this key have exactly these values in one field, and there are no others."""

    list_name: str
    key: dict[str, object]
    field: str
    values: tuple[str, ...]


class CountExpected(NamedTuple):
    """So many conflicts, refusals or duplicates there are in all."""

    list_name: str
    row_count: int


class RangeExpected(NamedTuple):
    """What the months from first to last, both included, come to together (docs/ledger.md 5.6)."""

    key: dict[str, object]
    first: str
    last: str
    figures: dict[str, object]


class NothingChanges(NamedTuple):
    """The books are as they were before the last `when`: all lists but refusals, and not the count of duplicates."""


class Unanswerable(NamedTuple):
    """The instant asked about lies before the boundary, so that there is no answer."""


Expected = RowExpected | OnlyExpected | CountExpected | RangeExpected | NothingChanges | Unanswerable


def parse_expectation(phrase: Phrase, defaults: Defaults) -> Expected:
    """Read one expectation.

    Raises ScenarioError naming the word that is not known.
    """
    if phrase.take_if("nothing"):
        phrase.expect("changes")
        phrase.end()
        return NothingChanges()
    if phrase.take_if("unanswerable"):
        phrase.end()
        return Unanswerable()
    if phrase.take_if("only"):
        return _only(phrase, defaults)
    if phrase.take_if("range"):
        return _range(phrase, defaults)
    if phrase.next_is(*_COUNTED):
        expected = CountExpected(phrase.take("a list"), take_whole_number(phrase))
        phrase.end()
        return expected
    absent = phrase.take_if("no")
    word = phrase.take("what is expected")
    if word in _ROWS:
        row = _ROWS[word](phrase, defaults)
    elif phrase.next_is("paid"):
        row = _paid(word, phrase, defaults)
    else:
        raise phrase.unknown(word)
    if absent and row.figures:
        raise phrase.where.error(f"what is absent has no figures, in {phrase.text!r}")
    return row._replace(figures=None) if absent else row


_COUNTED = ("conflicts", "refusals", "duplicates")


def _account(defaults: Defaults) -> dict[str, object]:
    return {
        "organization_id": defaults.organization_id,
        "customer_id": defaults.customer_id,
        "credit_type": defaults.credit_type,
    }


def _whose(key: dict[str, object]) -> dict[str, Callable[[Phrase], None]]:
    """Give the words that say whose books are meant, as far as the list knows."""
    words = {"in": "organization_id", "for": "customer_id", "of": "credit_type"}
    return {word: _into(key, field, take_text) for word, field in words.items() if field in key}


def _into(target: dict[str, object], field: str, reader: Reader) -> Callable[[Phrase], None]:
    def read(phrase: Phrase) -> None:
        if field in target and field not in ("organization_id", "customer_id", "credit_type"):
            raise phrase.where.error(f"{field} is told twice in {phrase.text!r}")
        target[field] = reader(phrase)

    return read


def _figures(figures: dict[str, object], fields: Mapping[str, tuple[str, Reader]]) -> dict[str, Callable[[Phrase], None]]:
    return {word: _into(figures, field, reader) for word, (field, reader) in fields.items()}


def _same_name(reader: Reader, *words: str) -> dict[str, tuple[str, Reader]]:
    return {word: (word.replace("-", "_"), reader) for word in words}


def _lot(phrase: Phrase, defaults: Defaults) -> RowExpected:
    key, figures = _account(defaults), dict[str, object]()
    key["grant_id"] = take_text(phrase)
    if phrase.next_matches(take_written_instant):
        key["start"] = take_written_instant(phrase)
    phrase.options(_whose(key) | _figures(figures, _LOT_FIGURES))
    return RowExpected("lots", key, figures)


_LOT_FIGURES = _same_name(take_amount, "amount", "used", "expired", "unused", "voided", "rest") | {
    "start": ("start", take_written_instant),
    "end": ("end", or_none(take_written_instant)),
    "cadence": ("cadence", take_text),
}


def _month(phrase: Phrase, defaults: Defaults) -> RowExpected:
    key = _account(defaults)
    key["month"] = take_month(phrase)
    return RowExpected("snapshots", key, _month_figures(phrase, key, take_amount))


def _month_figures(phrase: Phrase, key: dict[str, object], granted_reader: Reader) -> dict[str, object]:
    """Take the figures of a month; after `once` and `monthly` the words mean those of such lots."""
    figures: dict[str, object] = {}
    prefix = ""

    def group(name: str) -> Callable[[Phrase], None]:
        def read(_: Phrase) -> None:
            nonlocal prefix
            prefix = name

        return read

    def grouped(word: str) -> Callable[[Phrase], None]:
        def read(words: Phrase) -> None:
            field = f"{prefix}_{word}"
            if field not in GROUPED_FIGURES:
                raise words.unknown(word)
            reader = take_yes_or_no if word == "unlimited" else granted_reader if word == "granted" else take_amount
            _into(figures, field, reader)(words)

        return read

    phrase.options(
        _whose(key)
        | {name: group(name) for name in ("once", "monthly")}
        | {field.partition("_")[2]: grouped(field.partition("_")[2]) for field in GROUPED_FIGURES}
        | _figures(figures, _MONTH_FIGURES)
    )
    return figures


GROUPED_FIGURES = (
    *(f"once_{word}" for word in ("opening", "granted", "used", "expired", "voided", "closing", "unlimited")),
    *(f"monthly_{word}" for word in ("granted", "used", "unused", "voided", "unlimited")),
)
"""The figures of a month that are told after `once` or `monthly`, as results name them."""
_MONTH_FIGURES: dict[str, tuple[str, Reader]] = {
    **_same_name(take_amount, "unlimited-used", "overage", "consumed"),
    "count": ("consumption_count", take_whole_number),
    "final": ("final", take_yes_or_no),
}


def _balance(phrase: Phrase, defaults: Defaults) -> RowExpected:
    key, figures = _account(defaults), dict[str, object]()
    phrase.options(_whose(key) | _figures(figures, _BALANCE_FIGURES))
    return RowExpected("balances", key, figures)


_BALANCE_FIGURES: dict[str, tuple[str, Reader]] = {
    **_same_name(take_amount, "granted", "used", "balance", "committed", "available", "restricted", "overage"),
    "as-of": ("as_of", take_written_instant),
    "unlimited": ("unlimited", take_yes_or_no),
    "next-expiry": ("next_expiry", or_none(take_written_instant)),
    "next-expiry-amount": ("next_expiry_amount", take_amount),
}


def _paid(event_id: str, phrase: Phrase, defaults: Defaults) -> RowExpected:
    """Read `e7 paid 100 by g1, 20 by g2 2026-04-01 overage 0`; all that paid is named, in order."""
    phrase.expect("paid")
    key, figures = _account(defaults), dict[str, object]()
    key["event_id"] = event_id
    if not phrase.next_is(*_PAID_FIGURES) and not phrase.ended:
        figures["paid_by"] = [] if phrase.take_if("nothing") else list(_parts(phrase))
    cost: dict[str, str] = {}

    def take_cost(words: Phrase) -> None:
        figures["cost"] = cost
        if not words.take_if("none"):
            amount = take_amount(words)
            cost[take_text(words)] = amount

    phrase.options(
        _whose(key)
        | {"cost": take_cost, "at": _into(key, "occurred_at", take_written_instant)}
        | _figures(figures, _same_name(take_amount, "amount", "reversed", "overage"))
    )
    return RowExpected("allocations", key, figures)


_PAID_FIGURES = ("overage", "reversed", "amount", "cost", "at", "in", "for", "of")


def _parts(phrase: Phrase) -> Iterable[dict[str, str]]:
    while True:
        part = {"amount": take_amount(phrase)}
        phrase.expect("by")
        part["grant_id"] = take_text(phrase)
        if phrase.next_matches(take_written_instant):
            part["lot_start"] = take_written_instant(phrase)
        yield part
        if not phrase.take_if(","):
            return


def _usage(phrase: Phrase, defaults: Defaults) -> RowExpected:
    key, figures = _account(defaults), dict[str, object]()
    key["campaign_id"] = take_text(phrase)
    phrase.options(
        _whose(key)
        | _figures(
            key,
            {
                "center": ("center_id", take_text),
                "day": ("day", take_day),
                "channel": ("channel", take_text),
                "source": ("credit_source", take_text),
            },
        )
        | _figures(figures, {"processed": ("processed", take_whole_number), "credits": ("credits", take_amount)})
    )
    return RowExpected("campaign_usage", key, figures)


def _conflict(phrase: Phrase, defaults: Defaults) -> RowExpected:
    key = {"organization_id": defaults.organization_id, "customer_id": defaults.customer_id}
    row: dict[str, object] = {**key, "conflict": take_text(phrase), "event_id": take_text(phrase)}
    figures: dict[str, object] = {}
    phrase.options(
        _whose(row)
        | _figures(
            figures,
            {"at": ("occurred_at", take_written_instant), "on": ("topic", take_text), "detail": ("detail", take_text)},
        )
    )
    return RowExpected("conflicts", row, figures)


def _campaign(phrase: Phrase, defaults: Defaults) -> RowExpected:
    row: dict[str, object] = {"organization_id": defaults.organization_id, "campaign_id": take_text(phrase)}
    figures: dict[str, object] = {}
    phrase.options(
        _whose(row)
        | _figures(
            figures,
            {
                "name": ("name", take_text),
                "type": ("campaign_type", take_text),
                "from": ("created_from", take_text),
                "from-id": ("created_from_id", or_none(take_text)),
                "targeted": ("targeted", take_whole_number),
                "channel": ("channel", take_text),
                "source": ("credit_source", take_text),
                "status": ("status", take_text),
            },
        )
    )
    return RowExpected("campaigns", row, figures)


def _name(phrase: Phrase, defaults: Defaults) -> RowExpected:
    row: dict[str, object] = {
        "organization_id": defaults.organization_id,
        "kind": take_text(phrase),
        "named_id": take_text(phrase),
    }
    figures: dict[str, object] = {}
    if not phrase.ended and not phrase.next_is("in"):
        figures["name"] = take_text(phrase)
    phrase.options(_whose(row))
    return RowExpected("names", row, figures)


def _refusal(phrase: Phrase, _: Defaults) -> RowExpected:
    """Read a refusal; what is named picks it out, so that several of one reason can be told apart."""
    row: dict[str, object] = {"reason": take_text(phrase)}
    phrase.options(
        _figures(
            row,
            {
                "field": ("field", or_none(take_text)),
                "topic": ("topic", or_none(take_text)),
                "partition": ("partition", take_whole_number),
                "offset": ("offset", take_whole_number),
                "detail": ("detail", take_text),
            },
        )
    )
    return RowExpected("refusals", row, {})


_ROWS: dict[str, Callable[[Phrase, Defaults], RowExpected]] = {
    "lot": _lot,
    "month": _month,
    "balance": _balance,
    "usage": _usage,
    "conflict": _conflict,
    "campaign": _campaign,
    "name": _name,
    "refusal": _refusal,
}


def _only(phrase: Phrase, defaults: Defaults) -> OnlyExpected:
    key = _account(defaults)
    what = phrase.take("months or lots")
    if what == "months":
        list_name, field, reader = "snapshots", "month", take_month
    elif what == "lots":
        list_name, field, reader = "lots", "start", take_written_instant
        key["grant_id"] = take_text(phrase)
    else:
        raise phrase.unknown(what)
    values: list[str] = []
    if not phrase.take_if("none"):
        while phrase.next_matches(reader):
            values.append(reader(phrase))
        if not values:
            raise phrase.where.error(f"no {field} is named in {phrase.text!r}; `none` says that there is none")
    phrase.options(_whose(key))
    return OnlyExpected(list_name, key, field, tuple(values))


def _range(phrase: Phrase, defaults: Defaults) -> RangeExpected:
    key = _account(defaults)
    first, last = take_month(phrase), take_month(phrase)
    figures = _month_figures(phrase, key, take_text)
    if not figures:
        raise phrase.where.error(f"no figure is named in {phrase.text!r}")
    return RangeExpected(key, first, last, figures)
