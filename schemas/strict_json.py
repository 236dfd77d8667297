"""JSON read strictly: one reading of a text or none (docs/ledger.md 1.12).

Refused is what parsers read differently: an object that names a field twice, NaN and Infinity, and nesting without end.
"""

import json

from schemas.errors import DecodeError


def parse_object(line: bytes) -> dict[str, object]:
    """Read one JSON object from UTF-8 bytes.

    Raises DecodeError, with a sentence, for bytes that are no UTF-8, no JSON, no object, or an object that says something
    twice.
    """
    content = parse_value(line, what="the line")
    if not isinstance(content, dict):
        raise DecodeError("the line is no JSON object")
    return content


def parse_value(text: bytes, *, what: str) -> object:
    """Read one JSON value from UTF-8 bytes; raises DecodeError as `parse_object` does, with `what` in its sentence."""
    try:
        content: object = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise DecodeError(f"{what} is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise DecodeError(f"{what} is not JSON: {error.msg.removesuffix(' at')} at character {error.colno}") from error
    except _NoOneReading as error:
        raise DecodeError(f"{what} is {error}") from error
    except RecursionError as error:
        raise DecodeError(f"{what} is not JSON that can be read: it is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits
        raise DecodeError(f"{what} is not JSON that can be read: a number is too long") from error
    return content


class _NoOneReading(Exception):
    """JSON that parsers read differently; its text says why."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _NoOneReading("no JSON object of which there is one reading: it names a field twice")
    return content


def _no_number(word: str) -> object:
    raise _NoOneReading(f"not JSON: {word} is no number of JSON")
