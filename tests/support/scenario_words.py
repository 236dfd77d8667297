"""The words of a scenario line: how a line is cut, and how it is read word by word.

Pure: text in, words out. What a word means is said in `scenario_events` and `scenario_expectations`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from schemas.instants import format_instant, parse_instant

_WORD = re.compile(
    r"""
    "(?P<quoted>[^"]*)"
    | (?P<instant>\d{4}-\d\d-\d\d\ \d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)(?=[\s,]|$)
    | (?P<comment>\#.*)
    | (?P<comma>,)
    | (?P<plain>[^\s",]+)
    """,
    re.VERBOSE,
)
_INSTANT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[ T](?P<time>\d\d:\d\d)(?P<second>:\d\d(?:\.\d{1,6})?)?(?P<offset>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_AMOUNT = re.compile(r"\d+(\.\d+)?|unlimited", re.ASCII)
_MONTH = re.compile(r"\d{4}-\d\d", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WHOLE = re.compile(r"\d+", re.ASCII)


class ScenarioError(Exception):
    """A scenario file that cannot be read; the message names file, line and word."""


class Where(NamedTuple):
    """The file and the line (from 1) that a word stands on."""

    file: str
    line_number: int

    def error(self, sentence: str) -> ScenarioError:
        return ScenarioError(f"{self.file}, line {self.line_number}: {sentence}")


def words_of(text: str, where: Where) -> list[str]:
    """Cut a line into words: a quoted text is one, a day and a time are one, a comma is one; a comment is none."""
    words, position = [], 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _WORD.match(text, position)
        if match is None:
            raise where.error(f"cannot read {text[position:]!r}; a quotation mark is missing")
        position = match.end()
        kind = match.lastgroup or ""
        if kind != "comment":
            words.append(match[kind])
    return words


class Phrase:
    """The words of one line, taken one after the other; every complaint names file, line and word."""

    def __init__(self, words: Iterable[str], where: Where) -> None:
        self._words = list(words)
        self._next_index = 0
        self.where = where

    @property
    def text(self) -> str:
        return " ".join(self._words)

    @property
    def ended(self) -> bool:
        return self._next_index == len(self._words)

    def next_is(self, *words: str) -> bool:
        return not self.ended and self._words[self._next_index] in words

    def next_matches(self, reader: Callable[["Phrase"], object]) -> bool:
        """Tell whether the next word could be read so; nothing is taken."""
        before = self._next_index
        try:
            reader(self)
        except ScenarioError:
            return False
        finally:
            self._next_index = before
        return True

    def take(self, meaning: str) -> str:
        if self.ended:
            raise self.where.error(f"{meaning} is missing at the end of {self.text!r}")
        self._next_index += 1
        return self._words[self._next_index - 1]

    def take_if(self, word: str) -> bool:
        if not self.next_is(word):
            return False
        self._next_index += 1
        return True

    def expect(self, word: str) -> None:
        if not self.take_if(word):
            found = "nothing" if self.ended else repr(self._words[self._next_index])
            raise self.where.error(f"the word {word!r} should stand where {found} is, in {self.text!r}")

    def end(self) -> None:
        if not self.ended:
            raise self.unknown(self._words[self._next_index])

    def unknown(self, word: str) -> ScenarioError:
        return self.where.error(f"unknown word {word!r} in {self.text!r}")

    def options(self, readers: Mapping[str, Callable[["Phrase"], None]]) -> None:
        """Take `key value` pairs up to the end of the line."""
        while not self.ended:
            word = self.take("a word")
            if word not in readers:
                raise self.unknown(word)
            readers[word](self)

    def matching(self, pattern: re.Pattern[str], meaning: str) -> str:
        word = self.take(meaning)
        if not pattern.fullmatch(word):
            raise self.where.error(f"{word!r} is no {meaning}, in {self.text!r}")
        return word


def take_text(phrase: Phrase) -> str:
    """Take any word or quoted text."""
    return phrase.take("a text")


def take_amount(phrase: Phrase) -> str:
    """Take an amount such as `12.5`, or `unlimited`, as it is written."""
    return phrase.matching(_AMOUNT, "amount")


def take_whole_number(phrase: Phrase) -> int:
    """Take a whole number."""
    return int(phrase.matching(_WHOLE, "whole number"))


def take_month(phrase: Phrase) -> str:
    """Take a month such as `2026-03`."""
    return phrase.matching(_MONTH, "month")


def take_day(phrase: Phrase) -> str:
    """Take a day such as `2026-03-14`."""
    return phrase.matching(_DAY, "day")


def take_yes_or_no(phrase: Phrase) -> bool:
    """Take `yes` or `no`."""
    return phrase.matching(re.compile("yes|no"), "yes or no") == "yes"


def take_instant(phrase: Phrase) -> str:
    """Take an instant and write it as RFC 3339; without an offset it is UTC, without a time the day's first instant."""
    word = phrase.take("instant")
    match = _INSTANT.fullmatch(word)
    if match is None:
        raise phrase.where.error(f"{word!r} is no instant such as 2026-03-10 or 2026-03-10 14:30, in {phrase.text!r}")
    text = f"{match['day']}T{match['time'] or '00:00'}{match['second'] or ':00'}{match['offset'] or 'Z'}"
    if parse_instant(text) is None:
        raise phrase.where.error(f"{word!r} is in no calendar, in {phrase.text!r}")
    return text


def take_written_instant(phrase: Phrase) -> str:
    """Take an instant and write it as results do: in UTC with `Z` and no trailing zeros."""
    instant = parse_instant(take_instant(phrase))
    if instant is None:
        raise phrase.where.error("unreachable: an instant that was read is read again")
    return format_instant(instant)


def or_none(reader: Callable[[Phrase], object]) -> Callable[[Phrase], object]:
    """Make a reader that takes `none` as well, and gives None for it."""

    def read(phrase: Phrase) -> object:
        return None if phrase.take_if("none") else reader(phrase)

    return read
