"""The SQL that makes the tables and the views, read from `projections/migrations` and `projections/views`.

Tables lie in a database of their generation, views in one that outlives generations, so that a rebuild can switch them.
Migrations go forward only, in the order of their numbers; a view is replaced by what is written here.
"""

import importlib.resources
import re
from importlib.resources.abc import Traversable
from typing import NamedTuple

VIEWS_DATABASE = "credits"
_END_OF_STATEMENT = re.compile(r";\s*$", re.MULTILINE)
_COMMENT_LINE = re.compile(r"^ *--.*$", re.MULTILINE)


class Migration(NamedTuple):
    """One numbered step: its number, its name, why it was made, and its statements in order."""

    number: int
    name: str
    reason: str
    statements: tuple[str, ...]


def tables_database(generation: int) -> str:
    """Give the name of the database in which a generation's tables lie."""
    return f"{VIEWS_DATABASE}_{generation}"


def migrations(*, generation: int) -> tuple[Migration, ...]:
    """Give all migrations in the order of their numbers, written for a generation; the reason is a file's first line."""
    found = []
    for file in _files("migrations"):
        number, _, name = file.name.removesuffix(".sql").partition("_")
        reason = file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("-- ")
        statements = tuple(_written(part, generation) for part in _END_OF_STATEMENT.split(_text(file)) if part.strip())
        found.append(Migration(int(number), name, reason, statements))
    return tuple(found)


def views(*, generation: int) -> dict[str, str]:
    """Give for each view the statement that makes or replaces it over the tables of a generation."""
    return {file.name.removesuffix(".sql"): _written(_text(file), generation) for file in _files("views")}


def _files(folder: str) -> list[Traversable]:
    files = importlib.resources.files("projections").joinpath(folder).iterdir()
    return sorted((file for file in files if file.name.endswith(".sql")), key=lambda file: file.name)


def _text(file: Traversable) -> str:
    """Read a statement file without its comment lines, which say things to people."""
    return _COMMENT_LINE.sub("", file.read_text(encoding="utf-8"))


def _written(statement: str, generation: int) -> str:
    return statement.strip().replace("{tables}", tables_database(generation)).replace("{views}", VIEWS_DATABASE)
