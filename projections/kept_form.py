"""How a state's own records are written and read back."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from schemas.errors import DecodeError, InvariantViolation

_Kept = TypeVar("_Kept")

write_kept: Callable[[object], bytes] = msgspec.json.Encoder().encode
"""Writes a record as it is kept: JSON, whose numbers have no largest one."""


def reader_of(kind: type[_Kept], *, what: str) -> Callable[[bytes], _Kept]:
    """Give what reads records of a kind that `write_kept` wrote; see `naming`."""
    return naming(msgspec.json.Decoder(kind).decode, what=what)


def naming(decode: Callable[[bytes], _Kept], *, what: str) -> Callable[[bytes], _Kept]:
    """Let what reads records raise InvariantViolation, with `what` it was to be, for what is none."""

    def read(value: bytes) -> _Kept:
        try:
            return decode(value)
        except (DecodeError, msgspec.DecodeError) as error:
            raise InvariantViolation(f"the state holds what is no {what}: {error} in {value.hex()}") from error

    return read
