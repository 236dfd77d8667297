"""What changed between the catalog that a state was made with and another one, and whether a figure in it depends on that.

A figure depends on whether a credit type is listed and may be unlimited (docs/ledger.md 3.10), and on an organization's time
zone (docs/ledger.md 4.3), which is UTC for one that is not listed. A change matters if the state has an event that it touches.
"""

from collections.abc import Iterator
from typing import NamedTuple

from projections.state import ReadableState
from projections.stored import seen_names
from schemas.catalog import DEFAULT_ZONE, DecisiveCatalog, zone_of


class CatalogChange(NamedTuple):
    """One change, told in words, and whether figures in the state depend on it."""

    words: str
    matters: bool


def changes_of_catalog(before: DecisiveCatalog, after: DecisiveCatalog, *, state: ReadableState) -> list[CatalogChange]:
    """Give what changed of all that figures depend on; a name that never had an event changes nothing."""
    if before == after:
        return []
    organizations, credit_types = seen_names(state)
    return [
        *(CatalogChange(words, name in credit_types) for name, words in _credit_type_changes(before, after)),
        *(CatalogChange(words, name in organizations) for name, words in _zone_changes(before, after)),
    ]


def _credit_type_changes(before: DecisiveCatalog, after: DecisiveCatalog) -> Iterator[tuple[str, str]]:
    words = {None: "is not listed", True: "may be unlimited", False: "may not be unlimited"}
    for name in sorted(before.allows_unlimited.keys() | after.allows_unlimited.keys()):
        old, new = before.allows_unlimited.get(name), after.allows_unlimited.get(name)
        if old != new:
            yield name, f"credit type {name} {words[new]}, and {words[old]} in the catalog that the state was made with"


def _zone_changes(before: DecisiveCatalog, after: DecisiveCatalog) -> Iterator[tuple[str, str]]:
    default = zone_of(DEFAULT_ZONE)
    for name in sorted(before.zones.keys() | after.zones.keys()):
        old, new = before.zones.get(name, default), after.zones.get(name, default)
        if old != new:
            yield name, f"organization {name} is in {new}, and in {old} in the catalog that the state was made with"
