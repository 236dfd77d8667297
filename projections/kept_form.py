"""How a state's own records are written and read back."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from schemas.errors import InvariantViolation

_Kept = TypeVar("_Kept")

write_kept: Callable[[object], bytes] = msgspec.json.Encoder().encode
"""Writes a record as it is kept: JSON, whose numbers have no largest one."""


def reader_of(kind: type[_Kept], *, what: str) -> Callable[[bytes], _Kept]:
    """Give what reads records of a kind; it raises InvariantViolation, with `what` it was to be, for what is none."""
    decode = msgspec.json.Decoder(kind).decode

    def read(value: bytes) -> _Kept:
        try:
            return decode(value)
        except msgspec.DecodeError as error:
            raise InvariantViolation(f"the state holds what is no {what}: {error} in {value.hex()}") from error

    return read
