"""What events and rows share on the wire: Avro's single-object header, and decimals as whole numbers.

Source: Avro 1.12 specification, "Single-object encoding" and "Decimal".
"""

from typing import Any

from fastavro.schema import fingerprint, to_parsing_canonical_form

SINGLE_OBJECT_MARKER = b"\xc3\x01"
SINGLE_OBJECT_HEADER_LENGTH = 10
"""The marker's 2 bytes and the 8 of the writer's schema."""


def fingerprint_of(schema: Any) -> bytes:
    """Give the CRC-64-AVRO of a schema's canonical form, 8 bytes little-endian; `schema` is one as JSON values."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


def write_decimal(unscaled: int) -> bytes:
    """Write a decimal's integer as Avro wants it: two's complement, the greatest byte first, no byte too many."""
    return unscaled.to_bytes((unscaled + (unscaled < 0)).bit_length() // 8 + 1, "big", signed=True)


def read_decimal(digits: bytes) -> int:
    """Read a decimal's integer; `write_decimal` is the inverse."""
    return int.from_bytes(digits, "big", signed=True)
