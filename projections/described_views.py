"""What the views say of themselves: the comment at the head of each file of `projections/views`, read into its parts.

A comment begins with sentences of meaning. Behind an empty line come `Parameters:` and `Columns:`, one a line, as
`name: meaning` or, where a value has a unit, `name: unit; meaning`; a unit is one word. docs/views.md is made from this.
"""

import importlib.resources
import re
from collections.abc import Iterable
from typing import NamedTuple

from schemas.errors import SettingsError

_DESCRIPTION = re.compile(r"--   (\w+): (?:([a-z]+); )?(.+)")
_SENTENCE = re.compile(r"-- (\S.*)")
_EMPTY = "--"
_PARAMETERS = "-- Parameters:"
_COLUMNS = "-- Columns:"


class Described(NamedTuple):
    """A parameter or a column: its name, the unit of its value (empty where it has none), and what it means."""

    name: str
    unit: str
    meaning: str


class DescribedView(NamedTuple):
    """A view: its name, what it says in sentences, its parameters, and its columns in their order."""

    name: str
    meaning: str
    parameters: tuple[Described, ...]
    columns: tuple[Described, ...]


def described_views() -> tuple[DescribedView, ...]:
    """Give all views by their names; raises SettingsError for a file whose comment has another form."""
    files = importlib.resources.files("projections").joinpath("views").iterdir()
    named = sorted((file.name.removesuffix(".sql"), file) for file in files if file.name.endswith(".sql"))
    return tuple(read_description(name, file.read_text(encoding="utf-8")) for name, file in named)


def read_description(name: str, content: str) -> DescribedView:
    """Read the comment at the head of a view's file; raises SettingsError where it has another form."""
    lines = content[: content.index("CREATE ")].splitlines() if "CREATE " in content else []
    if lines.count(_EMPTY) != 1 or lines.count(_COLUMNS) != 1:
        raise SettingsError(f"the comment of the view {name} is no description: meaning, an empty line, parameters, columns")
    empty, columns = lines.index(_EMPTY), lines.index(_COLUMNS)
    parameters = lines[empty + 1 : columns]
    if parameters and parameters.pop(0) != _PARAMETERS:
        raise SettingsError(f"the comment of the view {name} has something between its meaning and its columns")
    sentences = (_match(_SENTENCE, line, name)[1] for line in lines[:empty])
    return DescribedView(name, " ".join(sentences), _described(parameters, name), _described(lines[columns + 1 :], name))


def _described(lines: Iterable[str], view: str) -> tuple[Described, ...]:
    found = (_match(_DESCRIPTION, line, view) for line in lines)
    return tuple(Described(name=match[1], unit=match[2] or "", meaning=match[3]) for match in found)


def _match(pattern: re.Pattern[str], line: str, view: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if match is None:
        raise SettingsError(f"the comment of the view {view} has a line of another form: {line!r}")
    return match
