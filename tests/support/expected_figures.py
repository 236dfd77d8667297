"""The hand-worked figures of an example, read from the CSV files in which finance would check them."""

import csv
from pathlib import Path
from typing import Any

from streams.files import Log, read_feed, read_log

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = ("coworking", "salon", "care", "cloud")
LISTS = ("snapshots", "lots", "allocations", "balances", "campaign_usage", "conflicts", "campaigns", "names")

Entry = dict[str, str]


def read_example(name: str) -> tuple[Log, int]:
    """Read an example's files as one log, and the instant that its figures are worked out for."""
    feed = read_feed(EXAMPLES / name / "feed.toml")
    assert feed.as_of is not None
    return read_log(feed.sources), feed.as_of


def expected_list(name: str, list_name: str) -> list[Entry]:
    """Give one list of hand-worked figures, each field as it is written."""
    with (EXAMPLES / name / "expected" / f"{list_name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expected_duplicates(name: str) -> int:
    """Give the hand-counted number of duplicates."""
    label, count = (EXAMPLES / name / "expected" / "counts.csv").read_text(encoding="utf-8").strip().split(",")
    assert label == "duplicates"
    return int(count)


def as_written(entry: dict[str, Any]) -> Entry:
    """Write an entry of a result as the hand-worked files write it."""
    return {field: _text(field, value) for field, value in entry.items()}


def refusals_as_written(log: Log, refusals: list[dict[str, Any]]) -> list[Entry]:
    """Write refusals with the file and line that they come from, and without their sentence."""
    written = []
    for refusal in refusals:
        path, line = log.name_line(refusal["offset"])
        fields = {name: value for name, value in refusal.items() if name != "detail"}
        written.append(as_written({"file": path.name, **fields, "offset": line}))
    return sorted(written, key=lambda entry: (entry["topic"], int(entry["partition"]), int(entry["offset"])))


def _text(field: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if field == "cost":
        return "; ".join(f"{currency} {cost}" for currency, cost in value.items())
    if field == "paid_by":
        return "; ".join(f"{part['grant_id']}@{part['lot_start']}={part['amount']}" for part in value)
    return str(value)
