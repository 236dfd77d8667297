"""The tokens under which a block is written: the same for each try, but never again after ClickHouse took it in part."""

import pytest
from prometheus_client import CollectorRegistry

from projections.row_codec import encode_change
from projections.rows import TABLE_OF_ROW_TYPE, Change, NameRow
from schemas.records import Place, RawRecord
from streams.clickhouse.inserting import ShortInsertError
from streams.clickhouse.troubles import OutageError
from streams.metrics import SinkMetrics
from streams.sink import writing as writing_module
from streams.sink.queues import Block
from streams.sink.writing import Writer

TABLE = TABLE_OF_ROW_TYPE[NameRow]


class Inserts:
    """Stands in the place of `insert`: raises what it is told to, and notes each token."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.tokens: list[str] = []

    def insert(self, _client, _table, _published, *, generation: int, token: str) -> None:
        assert generation == 1
        self.tokens.append(token)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome


@pytest.fixture
def block() -> Block:
    key, value = encode_change(Change(NameRow("o", "CUSTOMER", "c", "n"), Place("t", 0, 0), deleted=False), revision=1)
    return Block(TABLE, (RawRecord(TABLE.topic, 0, 7, 0, key, value, ()),), 0)


def written(monkeypatch, block: Block, inserts: Inserts, *, tries: int) -> SinkMetrics:
    """Write a block so often that it succeeds."""
    monkeypatch.setattr(writing_module, "insert", inserts.insert)
    metrics = SinkMetrics(CollectorRegistry())
    writer = Writer(None, metrics, generation=1)
    for _ in range(tries - 1):
        with pytest.raises(OutageError):
            writer.write(block)
    writer.write(block)
    return metrics


def test_an_outage_leaves_the_token_as_it_is(monkeypatch, block):
    """The insert may have been done, and its answer lost: ClickHouse has to know the repeat."""
    inserts = Inserts(OutageError("away", reason="unreachable"), OutageError("busy", reason="202"))
    metrics = written(monkeypatch, block, inserts, tries=3)
    assert len(inserts.tokens) == 3
    assert len(set(inserts.tokens)) == 1
    assert metrics.rows_total.labels("names", "failed")._value.get() == 2
    assert metrics.rows_total.labels("names", "inserted")._value.get() == 1


def test_what_was_taken_in_part_is_sent_under_another_token(monkeypatch, block):
    """Under the same one ClickHouse would take the rest for a repeat, and drop it."""
    short = ShortInsertError("took 0 of 1 rows", reason="short")
    inserts = Inserts(short, short)
    written(monkeypatch, block, inserts, tries=3)
    assert len(set(inserts.tokens)) == 3
