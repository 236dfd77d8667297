"""The benchmark of growth: its events are what they claim to be, and each part measures what it says."""

import os
import time
from collections import Counter

import pytest

from bench.contenders import CATALOG
from bench.growth import newest, page, settling
from bench.growth.crowd import USES_ONLY, Crowd, numbers_of
from bench.growth.part import Part
from bench.growth.resident import watched
from projections.books import Books
from projections.state import MemoryState
from schemas.catalog import parse_catalog
from schemas.events import CreditConsumed, CreditGranted
from schemas.instants import from_milliseconds
from schemas.reading import read_record
from schemas.records import RawRecord

PARTITION_COUNT = 4


def read(feed_records):
    """Read records as they lie in their topic partitions."""
    ends = Counter()
    for record in feed_records:
        log = (record.topic, record.partition)
        raw = RawRecord(*log, ends[log], from_milliseconds(record.timestamp), record.key, record.value, ())
        ends[log] += 1
        yield read_record(raw, partition_count=PARTITION_COUNT)


@pytest.mark.parametrize("crowd", [Crowd(30, 1_000), Crowd(1, 300, kinds=USES_ONLY, is_even=True, first_grants=8)])
def test_a_crowd_has_its_accounts_and_events(crowd):
    """Each partition number has its share of the events, the books refuse nothing, and send nothing on."""
    catalog = parse_catalog(CATALOG.read_text(encoding="utf-8"))
    accounts, body_count = set(), 0
    for part in numbers_of(crowd, partition_count=PARTITION_COUNT):
        feed, books = part.feed(), Books(MemoryState(), catalog=catalog)
        opening, body = list(read(feed.opening)), list(read(feed.body))
        granted = [record.content for record in opening if isinstance(record.content, CreditGranted)]
        accounts |= {(grant.organization_id, grant.customer_id, grant.credit_type) for grant in granted}
        assert len(granted) == len(part.shape.accounts) * crowd.first_grants
        assert {record.place.partition for record in opening + body} == {part.number}
        applied = books.apply(opening + body)
        assert (applied.refused, applied.reroutes) == (0, ())
        body_count += len(body)
    assert len(accounts) == crowd.account_count
    assert body_count == crowd.event_count


def test_some_of_a_crowd_is_late_and_some_comes_twice():
    """One use of a hundred occurred days before it came."""
    [part] = numbers_of(Crowd(1, 3_000, kinds=USES_ONLY, is_even=True), partition_count=PARTITION_COUNT)
    uses = [record.content for record in read(part.feed().body) if isinstance(record.content, CreditConsumed)]
    late = sum(use.occurred_at < use.recorded_at for use in uses)
    assert 0.003 * len(uses) < late < 0.03 * len(uses)
    assert len({use.event_id for use in uses}) < len(uses)


def test_the_newest_costs_the_same_behind_more():
    """The part prints figures for each history, with ratios to the smallest."""
    part = newest.measure((100, 1_000))
    assert [row[0] for row in part.rows] == ["100", "1,000"]
    assert part.rows[1][2] == "1.00"


def test_the_year_is_checked_while_it_is_measured():
    """Months are looked at, and those of the sample compared."""
    part = settling.measure(account_count=4, sample_count=2, days=120)
    assert part.figures["sample_count"] == 2
    assert part.figures["compared_count"] >= 2 * 3
    assert len(part.rows) == 4


async def test_resident_memory_is_that_of_the_process():
    """A process has samples from the moment on at which it is watched, and a peak in each part of the time."""
    began = time.perf_counter()
    async with watched(os.getpid()) as resident:
        resident.take()
    assert resident.peak() > 1 << 20
    assert resident.peaks(since=began, count=1) == [resident.peak()]


def test_the_page_keeps_the_parts_that_were_not_measured_anew(tmp_path, monkeypatch):
    """A part takes the place of the one before; the others stay, in their order, each with how it was taken."""
    monkeypatch.setattr(page, "RESULTS", tmp_path / "growth.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "growth.md")
    first, second = (
        page.Taken(at, "make growth", commit, "a machine", 0.1) for at, commit in (("noon", "abc"), ("one", "def"))
    )
    parts = {name: Part(f"The {name}", ("figure", "value"), [("count", "1")], {"count": 1}) for name in ("one", "two")}
    page.keep(parts, taken=first, order=["two", "one"])
    page.keep({"one": Part("The one", ("figure", "value"), [("count", "2")], {"count": 2})}, taken=second, order=["two", "one"])
    written = (tmp_path / "growth.md").read_text(encoding="utf-8")
    assert written.index("## The two") < written.index("| count | 1 |") < written.index("commit abc")
    assert (
        written.index("commit abc") < written.index("## The one") < written.index("| count | 2 |") < written.index("commit def")
    )
