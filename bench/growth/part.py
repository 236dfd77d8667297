"""What one part of the benchmark of growth found, as it is shown and as it is kept."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """A table with its title, and the same figures by name, for programs."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Mapping[str, object]
