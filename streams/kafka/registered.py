"""The schemas that a registry names, found before a batch is understood, so that understanding it asks nobody."""

import asyncio
from collections.abc import Mapping, Sequence

from creditstream.registry import Registry
from schemas.codec import NO_REGISTRY
from schemas.records import RawRecord


class RegisteredSchemas:
    """Finds what the ids in Confluent headers mean; without a registry they mean nothing."""

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry

    async def names_of(self, records: Sequence[RawRecord]) -> Mapping[int, str]:
        """Give the mapping that `schemas.codec.decode` takes for these records.

        Asks the registry only for ids that it was not asked for before. Raises TransientError where it gives no answer.
        """
        if self._registry is None:
            return NO_REGISTRY
        values = [record.value for record in records]
        if self._registry.knows(values):
            return self._registry.names_of(values)
        return await asyncio.to_thread(self._registry.names_of, values)


NO_SCHEMAS = RegisteredSchemas()
"""No registry is configured."""
