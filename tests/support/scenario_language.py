"""The ledger's own language: a scenario file becomes a number of steps (tests/scenarios/README.md tells the language).

Pure: text in, steps out. A word that is not known is an error that names file, line and word.
"""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.catalog import Catalog, parse_catalog
from schemas.errors import SettingsError
from schemas.events import ACTIVITY_TYPES, EVENT_TYPES
from schemas.instants import parse_instant
from tests.support.scenario_events import Defaults, Said, SaidLine, SaidRow, parse_event
from tests.support.scenario_expectations import Expected, parse_expectation
from tests.support.scenario_words import (
    Phrase,
    ScenarioError,
    Where,
    take_text,
    take_whole_number,
    take_written_instant,
    words_of,
)

__all__ = ["Asked", "Expectation", "Happened", "Known", "Scenario", "ScenarioError", "Step", "parse_scenario"]

DEFAULT_TYPES = {"coins": False, "hours": True, "messages": True, "sessions": True, "usd": True}
"""The credit types that there are where no `catalog` says otherwise, and whether they may be unlimited."""


class Known(NamedTuple):
    """From here on the books are read with this catalog."""

    catalog: Catalog


class Asked(NamedTuple):
    """From here on the books are asked as of this instant, in UTC microseconds."""

    as_of: int


class Happened(NamedTuple):
    """The event that a line says, and the line's number in the file."""

    line_number: int
    said: Said
    begins_block: bool


class Expectation(NamedTuple):
    """What a line expects of the books after all that happened before it."""

    line_number: int
    text: str
    expected: Expected


Step = Known | Asked | Happened | Expectation


class Scenario(NamedTuple):
    """One scenario file: what it promises, which rules it shows, and its steps in order.

    `partition_count` None: the events are the lines of a file; else they are records of topics with so many partitions.
    `live_grants_max` is the limit of docs/ledger.md 3.11; None: as many as the rule book says.
    """

    name: str
    sentence: str
    rules: tuple[str, ...]
    partition_count: int | None
    live_grants_max: int | None
    steps: tuple[Step, ...]


def parse_scenario(text: str, *, file: str) -> Scenario:
    """Read a scenario file.

    Raises ScenarioError naming file, line and word.
    """
    return _Reading(file).read(text)


class _Line(NamedTuple):
    where: Where
    starts_block: bool
    text: str


class _Reading:
    """A scenario while its lines are being read."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._defaults = Defaults()
        self._zone: str | None = None
        self._types = dict(DEFAULT_TYPES)
        self._organizations: dict[str, tuple[str | None, str | None]] = {}
        self._partition_count: int | None = None
        self._live_grants_max: int | None = None
        self._columns: tuple[str, str | None, str] | None = None
        self._block = ""
        self._block_is_new = False
        self._steps: list[Step] = []

    def read(self, text: str) -> Scenario:
        lines = text.split("\n")
        first, second = Where(self._file, 1), Where(self._file, 2)
        if not lines[0].startswith("# ") or len(lines) < 2:
            raise first.error("the first line must be a sentence after '# ', the second a rule such as `rule 4.7`")
        rules = words_of(lines[1], second)
        if len(rules) < 2 or rules[0] != "rule":
            raise second.error("the second line must name a rule, such as `rule 4.7`")
        self._steps.append(Known(self._catalog(first)))
        for line in self._lines(lines[2:], first_number=3):
            self._read_line(line)
        if not any(isinstance(step, Expectation) for step in self._steps):
            raise Where(self._file, len(lines)).error("nothing is expected; a `then` is missing")
        return Scenario(
            name=self._file.removesuffix(".scenario"),
            sentence=lines[0].removeprefix("# "),
            rules=tuple(rules[1:]),
            partition_count=self._partition_count,
            live_grants_max=self._live_grants_max,
            steps=tuple(self._steps),
        )

    def _lines(self, lines: list[str], *, first_number: int) -> Iterator[_Line]:
        for number, text in enumerate(lines, start=first_number):
            if text.strip() and not text.strip().startswith("#"):
                yield _Line(Where(self._file, number), not text[0].isspace(), text.strip())

    def _read_line(self, line: _Line) -> None:
        text = line.text
        if line.starts_block:
            keyword, _, text = text.partition(" ")
            text = text.strip()
            if keyword in _SETTINGS:
                _SETTINGS[keyword](self, Phrase(words_of(text, line.where), line.where))
                self._block = ""
                return
            if keyword not in _BLOCKS:
                raise line.where.error(f"unknown word {keyword!r} at the beginning of a line")
            self._block, self._block_is_new = keyword, True
            if keyword == "catalog":
                self._begin_catalog()
        elif not self._block:
            raise line.where.error(f"{text!r} belongs to no block; given, when, then or catalog should stand before it")
        if text and not text.startswith("#"):
            _BLOCKS[self._block](self, text, line.where)

    def _begin_catalog(self) -> None:
        self._types, self._organizations = {}, {}

    def _read_catalog(self, text: str, where: Where) -> None:
        phrase = Phrase(words_of(text, where), where)
        if phrase.take_if("type"):
            name = take_text(phrase)
            self._types[name] = phrase.take_if("unlimited")
        else:
            phrase.expect("organization")
            name = take_text(phrase)
            told: dict[str, str] = {}
            phrase.options(
                {
                    "zone": lambda words: told.update(zone=take_text(words)),
                    "currency": lambda words: told.update(currency=take_text(words)),
                }
            )
            self._organizations[name] = told.get("zone"), told.get("currency")
        phrase.end()
        self._steps.append(Known(self._catalog(where)))

    def _catalog(self, where: Where) -> Catalog:
        organizations = dict(self._organizations)
        if self._zone is not None:
            organizations[self._defaults.organization_id] = self._zone, None
        lines = []
        for name, allows_unlimited in self._types.items():
            lines += [f'[credit_types."{name}"]', f"allows_unlimited = {str(allows_unlimited).lower()}"]
        for name, (zone, currency) in organizations.items():
            lines.append(f'[organizations."{name}"]')
            lines += [f'time_zone = "{zone}"'] * (zone is not None) + [f'currency = "{currency}"'] * (currency is not None)
        try:
            return parse_catalog("\n".join(lines))
        except SettingsError as error:
            raise where.error(str(error)) from error

    def _read_event(self, text: str, where: Where) -> None:
        keyword, _, rest = text.partition(" ")
        said: Said
        if keyword == "columns":
            types, _, header = rest.strip().partition(" ")
            event_type, _, activity_type = types.partition(":")
            if event_type not in EVENT_TYPES or activity_type not in ("", *ACTIVITY_TYPES):
                raise where.error(f"unknown word {types!r} in {text!r}")
            self._columns = event_type, activity_type or None, header.strip()
            return
        if keyword == "line":
            said = SaidLine(rest.strip())
        elif keyword == "row":
            if self._columns is None:
                raise where.error("a row needs `columns` before it")
            said = SaidRow(*self._columns, rest.strip())
        else:
            said = parse_event(Phrase(words_of(text, where), where), self._defaults)
        self._steps.append(Happened(where.line_number, said, begins_block=self._block_is_new))
        self._block_is_new = False

    def _read_expectations(self, text: str, where: Where) -> None:
        words = words_of(text, where)
        while words:
            end = words.index(_BETWEEN) if _BETWEEN in words else len(words)
            phrase = Phrase(words[:end], where)
            self._steps.append(Expectation(where.line_number, phrase.text, parse_expectation(phrase, self._defaults)))
            words = words[end + 1 :]

    def _set_zone(self, phrase: Phrase) -> None:
        self._zone = take_text(phrase)
        phrase.end()
        self._steps.append(Known(self._catalog(phrase.where)))

    def _set_as_of(self, phrase: Phrase) -> None:
        phrase.expect("of")
        as_of = parse_instant(take_written_instant(phrase))
        phrase.end()
        if as_of is not None:
            self._steps.append(Asked(as_of))

    def _set_partitions(self, phrase: Phrase) -> None:
        self._partition_count = take_whole_number(phrase)
        phrase.end()
        if any(isinstance(step, Happened) for step in self._steps):
            raise phrase.where.error("partitions must be told before anything happens")

    def _set_live_grants(self, phrase: Phrase) -> None:
        phrase.expect("grants")
        self._live_grants_max = take_whole_number(phrase)
        phrase.end()
        if any(isinstance(step, Happened) for step in self._steps):
            raise phrase.where.error("live grants must be told before anything happens")

    def _set_organization(self, phrase: Phrase) -> None:
        self._defaults = self._defaults._replace(organization_id=take_text(phrase))
        phrase.end()

    def _set_customer(self, phrase: Phrase) -> None:
        self._defaults = self._defaults._replace(customer_id=take_text(phrase))
        phrase.end()

    def _set_credits(self, phrase: Phrase) -> None:
        self._defaults = self._defaults._replace(credit_type=take_text(phrase))
        phrase.end()


_BETWEEN = "·"
_SETTINGS = {
    "zone": _Reading._set_zone,
    "as": _Reading._set_as_of,
    "partitions": _Reading._set_partitions,
    "live": _Reading._set_live_grants,
    "organization": _Reading._set_organization,
    "customer": _Reading._set_customer,
    "credits": _Reading._set_credits,
}
_BLOCKS = {
    "catalog": _Reading._read_catalog,
    "given": _Reading._read_event,
    "when": _Reading._read_event,
    "then": _Reading._read_expectations,
}
