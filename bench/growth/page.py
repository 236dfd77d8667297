"""The page docs/growth.md: of each part the table that was measured last, with command, commit and machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.contenders import CHECKOUT
from bench.growth.part import Part
from bench.report import table

RESULTS = CHECKOUT / "bench" / "results" / "growth.json"
PAGE = CHECKOUT / "docs" / "growth.md"
_HEAD = Path(__file__).with_name("page.md")


class Taken(NamedTuple):
    """When, by which command, from which commit and on what something was measured; the load is that before the start."""

    at: str
    command: str
    commit: str
    machine: str
    load_before: float


class KeptPart(NamedTuple):
    """One part as it is kept: its table, all of its figures, and how it was taken."""

    title: str
    table: str
    figures: Mapping[str, object]
    taken: Taken


def keep(parts: Mapping[str, Part], *, taken: Taken, order: list[str]) -> None:
    """Keep parts in place of what was kept of them, and write the page anew; `order` is that of the page."""
    kept = _decode(RESULTS.read_bytes()) if RESULTS.exists() else {}
    for name, part in parts.items():
        kept[name] = KeptPart(part.title, table(part.heads, part.rows), part.figures, taken)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    PAGE.write_text(render(kept, order=order), encoding="utf-8")


def render(kept: Mapping[str, KeptPart], *, order: list[str]) -> str:
    """Write the page."""
    parts = [_part(kept[name]) for name in order if name in kept]
    return "\n".join([_HEAD.read_text(encoding="utf-8"), *parts])


def _part(part: KeptPart) -> str:
    taken = part.taken
    where = f"commit {taken.commit}, {taken.machine}; load before the start {taken.load_before:.2f}"
    return f"## {part.title}\n\n{part.table}\n`{taken.command}`, {taken.at}, {where}.\n"


_decode = msgspec.json.Decoder(dict[str, KeptPart]).decode
