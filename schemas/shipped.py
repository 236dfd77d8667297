"""The Avro schemas that are shipped with this release: only these count (docs/ledger.md 3.8).

One file a subject and version, `avro/<record name>.v<N>.avsc`; a file that was shipped never changes again.
"""

import importlib.resources
import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from schemas.avro_wire import fingerprint_of

Schema = Any
"""An Avro schema as JSON values: a dict, a list for a union, or the name of a type."""

_FILE_NAME = re.compile(r"([A-Za-z]+)\.v([0-9]+)\.avsc", re.ASCII)


class ShippedSchema(NamedTuple):
    """One version of one subject's schema; `fingerprint` is CRC-64-AVRO of its canonical form, 8 bytes little-endian."""

    subject: str
    version: int
    content: Schema
    fingerprint: bytes

    @property
    def name(self) -> str:
        """What a registry's mapping calls the schema, such as `CreditGranted.v1`."""
        return f"{self.subject}.v{self.version}"


@lru_cache(maxsize=1)
def shipped_schemas() -> tuple[ShippedSchema, ...]:
    """Give every schema of an event that was ever shipped, by subject and then by version, the newest last."""
    folder = importlib.resources.files("schemas").joinpath("avro")
    found = []
    for file in folder.iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match is not None:
            found.append(_read(match[1], int(match[2]), file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda schema: (schema.subject, schema.version)))


def _read(subject: str, version: int, text: str) -> ShippedSchema:
    content = json.loads(text)
    return ShippedSchema(subject, version, content, fingerprint_of(content))
