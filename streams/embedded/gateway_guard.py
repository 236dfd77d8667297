"""What the embedded ClickHouse refuses: whatever reaches beyond its own tables, or past the limits of a query.

The engine is a library inside one process of the user's. It has no users or grants of its own, reads any file that is
named as a table, and an `ENGINE = Kafka` would keep its folder from being opened ever again. So a statement is read here
before it is run: known table engines and table functions are refused unless they are listed as harmless. Statements are
only looked at, never rewritten.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Fault(Exception):
    """A ClickHouse exception: its code and name, as the server's list has them, and a sentence."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message


TOKEN = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]* | \#[!\ ][^\n]* | /\*.*?(?:\*/|\Z))
    | (?P<text>'(?:[^'\\]|\\.|'')*' | \u2018[^\u2019]*\u2019 | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<quoted>`(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*" | \u201c[^\u201d]*\u201d)
    | (?P<word>\w+)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""One piece of a statement: space or comment, string, quoted identifier, word or number, any other character.

Strings and identifiers may stand in typographic quotes too, as the engine's own lexer has it.
"""

CAPPED_SETTINGS = ("max_execution_time", "max_memory_usage")


def words(text: str) -> frozenset[str]:
    """Give the words of a text as a set."""
    return frozenset(text.split())


_HARMLESS_ENGINES = words("""
    aggregatingmergetree coalescingmergetree collapsingmergetree mergetree replacingmergetree summingmergetree
    versionedcollapsingmergetree buffer generaterandom join log materializedview memory merge null set stripelog tinylog view
    atomic
""")
_HARMLESS_FUNCTIONS = words("""
    format generaterandom generateseries generate_series input merge mergetreeanalyzeindexes mergetreeindex
    mergetreeprojection null numbers numbers_mt primes sqlstandardvalues values view viewexplain viewifpermitted zeros zeros_mt
""")
_HARMFUL_ENGINES = words("kafka nats rabbitmq")
"""Refused by name, whether this build of the engine has them or not."""

_HARMFUL_SCALAR_FUNCTIONS = words("file catboostevaluate dictionary")
_NEVER = re.compile(
    r"^\s*(?:SYSTEM|BACKUP|RESTORE|ATTACH|CREATE\s+NAMED)\b"
    r"|\bINTO\s+OUTFILE\b|\bFROM\s+INFILE\b|\bDICTIONARY\b.*\bSOURCE\s*\(",
    re.IGNORECASE | re.DOTALL,
)
_DEFINES = re.compile(r"^\s*(?:CREATE|REPLACE|ALTER)\b", re.IGNORECASE)
_ENGINE = re.compile(r"\bENGINE\s*(=?)\s*(\w+)", re.IGNORECASE)
_FUNCTION = re.compile(r"(\w+)\s*\(")
_PIECE = re.compile(r"\w+|''|[^\w\s]")
_BEFORE_TABLE = frozenset(["FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "EXISTS"])
_AFTER_TABLES = frozenset(
    ["SELECT", "WHERE", "PREWHERE", "GROUP", "HAVING", "WINDOW", "QUALIFY", "ORDER", "LIMIT", "SETTINGS", "UNION", "FORMAT"]
)
_IDENTIFIER_PARAMETER = re.compile(r"\{\s*\w+\s*:\s*Identifier\s*\}", re.IGNORECASE)
_CAP = re.compile(rf"\b({'|'.join(CAPPED_SETTINGS)})\s*=\s*([^\s,;)]*)", re.IGNORECASE)


class Limits(NamedTuple):
    """What one query may use at most: memory in bytes, time in seconds."""

    memory_bytes: int
    seconds: int

    def greatest(self, setting: str) -> int:
        """Give the greatest value of one of the `CAPPED_SETTINGS`."""
        return self.seconds if setting == "max_execution_time" else self.memory_bytes


@dataclass(frozen=True)
class Guard:
    """Reads statements before they are run; knows the engines and table functions that the engine has, in lower case."""

    engines: frozenset[str]
    functions: frozenset[str]
    limits: Limits

    @classmethod
    def for_engine(cls, *, engines: Iterable[str], functions: Iterable[str], limits: Limits) -> "Guard":
        """Make the guard for the engine's own lists of table engines, database engines and table functions."""
        refused_engines = ({name.lower() for name in engines} | _HARMFUL_ENGINES) - _HARMLESS_ENGINES
        refused_functions = ({name.lower() for name in functions} | _HARMFUL_SCALAR_FUNCTIONS) - _HARMLESS_FUNCTIONS
        return cls(frozenset(refused_engines), frozenset(refused_functions), limits)

    def check(self, statement: str, *, parameters: Mapping[str, str]) -> None:
        """Raise `Fault` for a statement (without inserted data) that is refused; `parameters` are its values by name."""
        pieces = list(_pieces(statement))
        masked = _joined(pieces, text="''")
        if not masked.strip(" ;"):
            raise Fault(62, "SYNTAX_ERROR", "Empty query")
        if re.search(r";\s*\S", masked):
            raise Fault(62, "SYNTAX_ERROR", "Multi-statements are not allowed")
        if _NEVER.search(masked):
            raise _unsupported("this statement")
        if names_file_as_table(masked):
            raise _unsupported("a file in the place of a table")
        self._check_engines(masked)
        for name in _FUNCTION.findall(masked):
            if name.lower() in self.functions:
                raise _unsupported(f"the function {name}")
        if _IDENTIFIER_PARAMETER.search(masked) and any(set(value) & {"/", "\\"} for value in parameters.values()):
            raise _unsupported("a path in the place of a name")
        self._check_caps(_joined(pieces, text=None))

    def capped(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Give a request's settings with the limits added; a request may ask for less, not for more."""
        capped = dict(settings)
        for name in CAPPED_SETTINGS:
            greatest = self.limits.greatest(name)
            asked = _number(capped.get(name, "0"))
            if asked is None or not 0 < asked <= greatest:
                capped[name] = str(greatest)
        return capped

    def _check_engines(self, masked: str) -> None:
        """Refuse a table, view or database of an engine that is not harmless."""
        if not _DEFINES.search(masked):
            return
        for sign, name in _ENGINE.findall(masked):
            if name.lower() in self.engines or (sign and name.lower() not in _HARMLESS_ENGINES):
                raise _unsupported(f"the engine {name}")

    def _check_caps(self, statement: str) -> None:
        """Refuse a statement (without comments, and with bare names) that would lift a limit itself."""
        for name, value in _CAP.findall(statement):
            asked = _number(value.strip("'"))
            if asked is None or not 0 < asked <= self.limits.greatest(name.lower()):
                raise Fault(
                    452,
                    "SETTING_CONSTRAINT_VIOLATION",
                    f"Setting {name} shouldn't be greater than {self.limits.greatest(name.lower())}",
                )


def mask(statement: str) -> str:
    """Give a statement with comments as a space, strings as '' and quoted identifiers as bare words.

    Raises `Fault` for a quoted identifier that could be a path: the engine reads a file of that name as a table.
    """
    return _joined(_pieces(statement), text="''")


def _pieces(statement: str) -> Iterator[tuple[str | None, str]]:
    """Give the pieces of a statement, each with its kind; comments become a space and quoted identifiers bare words."""
    for token in TOKEN.finditer(statement):
        kind = token.lastgroup if token.lastgroup != "tag" else "text"
        if kind == "space":
            yield kind, " "
        elif kind == "quoted":
            name = token[0][1:-1]
            if "/" in name or "\\" in name:
                raise _unsupported("a path in the place of a name")
            yield kind, re.sub(r"\W", "_", name)
        else:
            yield kind, token[0]


def _joined(pieces: Iterable[tuple[str | None, str]], *, text: str | None) -> str:
    """Put pieces together, with `text` in the place of each string, or the strings as they are where it is None."""
    return "".join(text if kind == "text" and text is not None else piece for kind, piece in pieces)


def names_file_as_table(masked: str) -> bool:
    """Say whether a masked statement has a string in the place of a table, which the engine takes for a file's name.

    Strings elsewhere are values; the places told from them are those after FROM and the like, and after a comma in the
    list of tables that a FROM begins, as in `FROM numbers(3), 'a.csv'`.
    """
    in_tables = [False]
    table_is_next = False
    before = ""
    for piece in map(str.upper, _PIECE.findall(masked)):
        if piece == "''" and table_is_next:
            return True
        if piece in "([{":
            in_tables.append(False)
        elif piece in ")]}":
            in_tables = in_tables[:-1] or [False]
        elif piece in _AFTER_TABLES:
            in_tables[-1] = False
        # What ARRAY JOIN is followed by is an expression.
        begins = piece in _BEFORE_TABLE and before != "ARRAY"
        in_tables[-1] |= begins and piece in ("FROM", "JOIN")
        table_is_next = begins or (piece == "," and in_tables[-1]) or (piece == "(" and table_is_next)
        before = piece
    return False


def _number(text: str) -> float | None:
    """Read a setting's value as a number, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def _unsupported(what: str) -> Fault:
    """The refusal of something that the embedded ClickHouse does not offer."""
    return Fault(344, "SUPPORT_IS_DISABLED", f"The embedded ClickHouse does not offer {what}")
