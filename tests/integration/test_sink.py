"""The sink on a real broker and a real engine: what lies on the output topics is in the tables, whatever goes wrong between.

Each test sends rows of an organization of its own, and has a group of its own, which begins where the topics end.
"""

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from projections.rows import CampaignRow, CampaignUsageRow, NameRow
from projections.statements import tables_database
from schemas import topics
from streams.clickhouse import ClickHouseAddress, connect
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack
from streams.kafka.messages import Message
from streams.kafka.topics import GENERATION, ensure_topics
from streams.kafka.transaction import FencedProducer
from streams.sink.running import sink_group
from tests.support.clickhouse_proxy import ClickHouseProxy
from tests.support.sinks import SECONDS, Sent, SinkProcess, Topics, record_of, sink_carrying, until_so

CHECKOUT = Path(__file__).resolve().parents[2]
TABLES = tables_database(GENERATION)
PROCESS_GROUP = sink_group(GENERATION)
PARTITION_COUNT = 2
ROW_COUNT = 200
FETCH_BYTES = 4 << 20
"""What one fetch brings at most: it may have been on its way when the buffer was full."""


@pytest.fixture(scope="module")
def own_stack(data_folder: Path) -> Iterator[Stack]:
    """Give a Kafka and an engine of this module's own: it stops the engine, and others count what lies in the topics."""
    settings = with_free_ports(read_settings(os.environ))
    with running_stack(settings, data_folder=data_folder / "sink-stack", cache_folder=CHECKOUT / ".cache") as running:
        yield running


@pytest.fixture
async def output(own_stack: Stack) -> Topics:
    servers = own_stack.bootstrap_servers
    await ensure_topics(servers.split(","), partition_count=PARTITION_COUNT, replication_factor=1)
    return Topics(servers, PARTITION_COUNT)


@pytest.fixture
def client(own_stack: Stack) -> Iterator[Client]:
    with connect(ClickHouseAddress(own_stack.clickhouse_host, own_stack.clickhouse_port)) as opened:
        yield opened


@pytest.fixture
def port(own_stack: Stack) -> int:
    return own_stack.clickhouse_port


def name_rows(organization: str, count: int = ROW_COUNT) -> list[NameRow]:
    return [NameRow(organization, "CUSTOMER", f"c{number:06}", f"name {number:06}") for number in range(count)]


def spread(rows: list[NameRow]) -> list[Sent]:
    """Give the records of rows, on all partitions in turn."""
    return [record_of(row, partition=index % PARTITION_COUNT) for index, row in enumerate(rows)]


def stored(client: Client, organization: str, table: str = "names", *, final: bool = True) -> int:
    """Count the rows of an organization, as readers see them or as they lie in the table."""
    rows = f"{TABLES}.{table} {'FINAL' if final else ''}"
    return client.query(f"SELECT count() FROM {rows} WHERE organization_id = '{organization}'").result_rows[0][0]


@contextlib.contextmanager
def campaigns_of_status(client: Client, status: str) -> Iterator[None]:
    """Put a table in the place of campaigns that refuses every other status, until the block is left."""
    narrow, campaigns = f"{TABLES}.narrow", f"{TABLES}.campaigns"
    client.command(f"CREATE TABLE {narrow} AS {campaigns}")
    client.command(f"ALTER TABLE {narrow} MODIFY COLUMN `status` Enum8('{status}' = 1)")
    client.command(f"EXCHANGE TABLES {narrow} AND {campaigns}")
    try:
        yield
    finally:
        client.command(f"EXCHANGE TABLES {narrow} AND {campaigns}")
        client.command(f"DROP TABLE {narrow}")


def refused(client: Client, topic: str) -> list[tuple]:
    """Give the refused rows of a topic."""
    found = client.query(
        "SELECT table, partition, offset, key, value, code, sentence "
        f"FROM {TABLES}.refused_rows FINAL WHERE topic = '{topic}' ORDER BY partition, offset",
        column_formats={"key": "bytes", "value": "bytes"},
    )
    return list(found.result_rows)


async def test_rows_are_carried_and_committed(output, client, port):
    """Rows of transactions are in their tables once all is committed, also where a log ends in the mark of a commit."""
    await output.begin_at_end("plain")
    rows = name_rows("plain")
    async with FencedProducer(output.servers.split(","), transactional_id="plain") as producer:
        await producer.commit(Message(*one) for one in spread(rows))
    async with sink_carrying(output, "plain", clickhouse_port=port) as sink:
        await output.wait_until_carried("plain")
        assert stored(client, "plain", final=False) == ROW_COUNT
        assert sink.health.unready() == []
        assert sink.metric("rows_total", table="names", result="inserted") == ROW_COUNT
        assert sink.metric("freshness_seconds_count") == ROW_COUNT
        assert sink.metric("buffer_bytes") == sink.metric("buffer_rows") == 0
        await until_so(lambda: sink.metric("lag_records", topic=topics.NAME_DEFINITIONS) == 0)


async def test_rows_that_are_refused_are_found_and_kept(output, client, port, caplog):
    """A row that the engine refuses, one that its columns cannot hold and a record that is no row hold up no other.

    Each is kept with its bytes and the words of whoever refused it, and the alarm names its place.
    """
    await output.begin_at_end("poison")
    campaigns = [
        CampaignRow("poison", f"k{number}", "n", "SCHEDULED", "CENTER", None, 0, "SMS", "s", "LIVE") for number in range(50)
    ]
    campaigns[17] = campaigns[17]._replace(status="GONE")
    usage = [CampaignUsageRow("poison", "c", "t", "k", "z", f"2026-01-{day:02}", "SMS", "s", day, 1) for day in range(1, 29)]
    usage[3] = usage[3]._replace(processed=-1)
    names = [record_of(row, partition=1) for row in name_rows("poison", 20)]
    names[0] = names[0]._replace(key=b"\xff", value=b"\x00no row")
    sent = [*map(record_of, campaigns), *map(record_of, usage), *names]
    async with sink_carrying(output, "poison", clickhouse_port=port) as sink:
        await until_so(lambda: not sink.health.unready())
        with campaigns_of_status(client, "LIVE"):
            offsets = dict(zip(sent, await output.send(sent), strict=True))
            await output.wait_until_carried("poison")
            assert stored(client, "poison", "campaigns") == 49
        assert (stored(client, "poison", "campaign_usage"), stored(client, "poison")) == (27, 19)
        for record, table, code, words in (
            (record_of(campaigns[17]), "campaigns", 691, "Unknown element 'GONE' for enum"),
            (record_of(usage[3]), "campaign_usage", None, "Unable to create native array for column `processed`"),
            (names[0], "names", None, "006e6f20726f77 is not the header of a NameRow"),
        ):
            [found] = refused(client, record.topic)
            assert found[:6] == (table, record.partition, offsets[record], record.key, record.value, code)
            assert found[6].startswith(words)
            place = f"{record.topic}/{record.partition}/{offsets[record]}"
            alarms = [entry for entry in caplog.records if entry.levelno == logging.ERROR and place in entry.getMessage()]
            assert len(alarms) == 1
            assert sink.metric("refused_rows_total", table=table) == 1


async def test_a_row_that_is_refused_alone_is_found_by_one_that_was_accepted(output, client, port):
    """Where a block is one row, a row that the table took before tells that it is this row's fault."""
    await output.begin_at_end("alone")
    row = CampaignUsageRow("alone", "c", "t", "k", "z", "2026-01-01", "SMS", "s", 1, 1)
    async with sink_carrying(output, "alone", clickhouse_port=port) as sink:
        await output.send([record_of(row)])
        await output.wait_until_carried("alone")
        [offset] = await output.send([record_of(row._replace(day="2026-01-02", processed=-1))])
        await output.wait_until_carried("alone")
        assert sink.metric("refused_rows_total", table="campaign_usage") == 1
    assert offset in [found[2] for found in refused(client, topics.CAMPAIGN_USAGE)]
    assert stored(client, "alone", "campaign_usage") == 1


async def test_a_table_that_takes_no_row_at_all_is_an_outage(output, client, port, caplog):
    """Nothing is refused and nothing committed while not one row is accepted; other tables go on; then all is carried."""
    await output.begin_at_end("nothing")
    campaigns = [
        CampaignRow("nothing", f"k{number}", "n", "SCHEDULED", "CENTER", None, 0, "SMS", "s", "LIVE") for number in range(3)
    ]
    async with sink_carrying(output, "nothing", clickhouse_port=port) as sink:
        await until_so(lambda: not sink.health.unready())
        with campaigns_of_status(client, "NEVER"):
            await output.send([*map(record_of, campaigns), *spread(name_rows("nothing"))])
            await until_so(lambda: stored(client, "nothing") == ROW_COUNT)
            await until_so(lambda: sink.metric("retries_total", reason="691") >= 2)
            await output.send([record_of(campaigns[0]._replace(campaign_id="later"))])
            left = await output.left("nothing")
            assert {partition.topic for partition in left} == {topics.CAMPAIGN_DEFINITIONS}
        await output.wait_until_carried("nothing")
        assert sink.metric("refused_rows_total", table="campaigns") == 0
    assert stored(client, "nothing", "campaigns") == 4
    assert re.search(r"; not one of \d is accepted, so that the rows may not be to blame; trying again in", caplog.text)


async def test_the_same_cut_is_carried_once_whoever_repeats_it(output, client, port):
    """A sink that lost its offsets makes the same blocks of the same log, whose tokens are known: nothing is stored twice."""
    await output.begin_at_end("first", "second")
    records = [record_of(row) for row in name_rows("repeat")]
    assert len({len(record.value) for record in records}) == 1
    block_bytes = 50 * (len(records[0].key) + len(records[0].value) + 300)
    await output.send(records)
    for group in ("first", "second"):
        cut = {"CREDITS_SINK_BYTES": str(block_bytes), "CREDITS_SINK_MILLISECONDS": "60000"}
        async with sink_carrying(output, group, clickhouse_port=port, **cut) as sink:
            await output.wait_until_carried(group)
            assert sink.metric("batch_rows_count", table="names") == ROW_COUNT / 50
    assert stored(client, "repeat", final=False) == ROW_COUNT


async def test_an_answer_that_is_lost_makes_no_row_twice(output, client, port):
    """The engine has the rows, the sink does not know, and sends them again, more than once: each is stored once."""
    await output.begin_at_end("lost")
    async with ClickHouseProxy(port) as proxy, sink_carrying(output, "lost", clickhouse_port=proxy.port) as sink:
        await until_so(lambda: not sink.health.unready())
        proxy.lose_next(3)
        await output.send(spread(name_rows("lost")))
        await output.wait_until_carried("lost")
        assert proxy.lost_count == 3
        assert sink.metric("retries_total", reason="unreachable") >= 1
    assert stored(client, "lost", final=False) == ROW_COUNT


async def test_sinks_that_come_and_go_carry_every_row(output, client, port):
    """A second sink takes partitions over while rows flow and gives them back: none of them ends, nothing is missing."""
    await output.begin_at_end("shared")
    records = spread(name_rows("shared", 3_000))
    async with sink_carrying(output, "shared", clickhouse_port=port) as first:
        await output.send(records[:1_000])
        second_comes = sink_carrying(
            output, "shared", clickhouse_port=port, CREDITS_SINK_MEMBER_NAME="", CREDITS_SINK_BYTES="8192"
        )
        async with second_comes as second:
            await output.send(records[1_000:2_000])
            await until_so(lambda: second.health.is_member)
            await output.send(records[2_000:])
        await output.wait_until_carried("shared")
        assert not first.work.done()
    assert stored(client, "shared") == 3_000


async def test_a_sink_that_is_killed_while_it_inserts_loses_nothing(output, own_stack, client, port):
    """Killed with an insert on its way, and with one that is done and not answered: the next start carries every row."""
    await output.begin_at_end(PROCESS_GROUP)
    rows = spread(name_rows("killed", 1_500))
    async with ClickHouseProxy(port) as proxy:
        sink = SinkProcess(own_stack, "killed", clickhouse_port=proxy.port, CREDITS_SINK_BYTES="16384")
        sink.start()
        for number, inserting in enumerate((proxy.stop_next, proxy.hold_next)):
            under_way = asyncio.create_task(inserting())
            await output.send(rows[number * 500 : number * 500 + 500])
            await asyncio.wait_for(under_way, SECONDS)
            sink.kill()
            assert await output.left(PROCESS_GROUP)
            sink.start()
        await output.send(rows[1_000:])
        await output.wait_until_carried(PROCESS_GROUP)
        sink.stop()
    assert stored(client, "killed") == 1_500


async def test_while_the_engine_is_away_memory_is_bounded_and_the_group_stands(output, own_stack, client, port):
    """A full buffer pauses the reading, the sink stays a member and goes on by itself once the engine is back."""
    row_bytes, row_count, buffer_bytes = 10_000, 1_200, 4 << 20
    sink = SinkProcess(own_stack, "full", clickhouse_port=port, CREDITS_SINK_BUFFER_BYTES=str(buffer_bytes))
    sink.start()
    await until_so(lambda: "the group gave" in sink.log())
    await output.send([record_of(NameRow("full", "CUSTOMER", "first", "n"))])
    await output.wait_until_carried(PROCESS_GROUP)
    at_first = sink.metrics()
    own_stack.stop_process("clickhouse")
    await output.send(
        record_of(NameRow("full", "CUSTOMER", f"c{number}", "n" * row_bytes), partition=number % PARTITION_COUNT)
        for number in range(row_count)
    )
    seen: list[dict[str, float]] = []

    def is_paused_for_a_while() -> bool:
        seen.append(sink.metrics())
        return len([one for one in seen if one["credits_sink_paused"]]) > 10

    await until_so(is_paused_for_a_while)
    assert seen[-1]["credits_sink_heartbeat_timestamp_seconds"] > at_first["credits_sink_heartbeat_timestamp_seconds"]
    assert max(one["credits_sink_buffer_bytes"] for one in seen) < buffer_bytes + FETCH_BYTES
    assert max(one["process_resident_memory_bytes"] for one in seen) < at_first["process_resident_memory_bytes"] + (60 << 20)
    assert seen[-1]["credits_sink_clickhouse_up"] == 0
    own_stack.start_part(own_stack.parts["clickhouse"])
    await output.wait_until_carried(PROCESS_GROUP)
    assert stored(client, "full") == row_count + 1
    assert sink.metrics()["credits_sink_paused"] == 0
    assert sink.log().count("the group gave") == 1
    sink.stop()
