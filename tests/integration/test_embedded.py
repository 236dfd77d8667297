"""The embedded stack, really started: Kafka keeps a record, ClickHouse speaks HTTP, and refuses what it must."""

import asyncio
import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

import clickhouse_connect
import lz4.frame
import pytest
import zstandard
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidTimestampError
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.embedded.stack import Stack

FRAME_ROWS = 30_000
FRAMES = 5


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with clickhouse_connect.get_client(host=stack.clickhouse_host, port=stack.clickhouse_port) as opened:
        yield opened


@pytest.fixture
def typed(client: Client) -> Iterator[None]:
    """Make an empty table `typed` with the types that the tables of the ledger use."""
    client.command(
        "CREATE TABLE typed (id UInt64, amount Decimal(38, 6), at DateTime64(6, 'UTC'), note Nullable(String), "
        "paid_by Array(Tuple(grant_id String, amount Decimal(38, 6)))) "
        "ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100"
    )
    yield
    client.command("DROP TABLE typed SYNC")


def answer(stack: Stack, *, method: str = "POST", body: bytes = b"", headers: dict | None = None, **fields: str) -> tuple:
    """Send one plain HTTP request; give status, headers and body."""
    connection = http.client.HTTPConnection(stack.clickhouse_host, stack.clickhouse_port, timeout=60)
    try:
        connection.request(method, "/?" + urlencode(fields), body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


# Kafka


async def test_a_record_is_read_back_with_its_own_timestamp_key_and_headers(stack):
    """What a producer commits, a consumer of committed data reads."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic("embedded.record", num_partitions=8, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers, transactional_id="embedded-test", acks="all")
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait(
            "embedded.record", b"value", key=b"key", partition=3, timestamp_ms=1_000, headers=[("name", b"header")]
        )
    await producer.stop()
    consumer = AIOKafkaConsumer(
        "embedded.record",
        bootstrap_servers=stack.bootstrap_servers,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    record = await asyncio.wait_for(consumer.getone(), timeout=30)
    await consumer.stop()
    assert (record.partition, record.timestamp, record.key, record.value) == (3, 1_000, b"key", b"value")
    assert list(record.headers) == [("name", b"header")]


async def test_a_timestamp_more_than_an_hour_ahead_is_refused(stack):
    """The broker keeps rule docs/ledger.md 2.4 for every producer."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic("embedded.ahead", num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers)
    await producer.start()
    ahead = int(time.time() * 1000) + 3_700_000
    with pytest.raises(InvalidTimestampError):
        await producer.send_and_wait("embedded.ahead", b"value", timestamp_ms=ahead)
    await producer.stop()


async def test_topics_are_made_on_purpose_only(stack):
    """Asking for a topic that is not there does not make it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    described = await admin.describe_topics(["embedded.never-made"])
    assert described[0]["error_code"] == 3
    assert "embedded.never-made" not in await admin.list_topics()
    await admin.close()


@pytest.mark.parametrize("port", ["kafka_port", "kafka_controller_port", "clickhouse_port"])
def test_only_the_loopback_address_is_listened_on(stack, port):
    """Another address of this machine has nothing at these ports; on Linux every address of 127.0.0.0/8 is one."""
    number = getattr(stack.settings, port)
    socket.create_connection(("127.0.0.1", number), timeout=5).close()
    with pytest.raises(OSError, match=r"refused|unreachable|assign|timed out"):
        socket.create_connection(("127.0.0.2", number), timeout=5)


# ClickHouse over HTTP


@pytest.mark.usefixtures("typed")
def test_the_types_of_the_ledger_round_trip(client):
    """Amounts to the last digit, instants to the microsecond, nulls and nested rows come back as they went in."""
    rows = [
        [1, Decimal("12345678901234567890.123456"), datetime(2026, 1, 31, 23, 30, 0, 1, tzinfo=UTC), None, []],
        [
            2,
            Decimal("-0.000001"),
            datetime(1970, 1, 1, tzinfo=UTC),
            "ä\t'\\\n",
            [{"grant_id": "g1", "amount": Decimal("0.000001")}, {"grant_id": "g|2", "amount": Decimal(7)}],
        ],
    ]
    summary = client.insert("typed", rows, column_names=["id", "amount", "at", "note", "paid_by"])
    assert summary.written_rows == 2
    stored = client.query("SELECT * FROM typed ORDER BY id", tz_mode="aware").result_rows
    assert [list(row) for row in stored] == rows


@pytest.mark.usefixtures("typed")
def test_rows_go_in_by_columns_and_a_repeated_insert_counts_once(client):
    """The same token makes the same insert harmless, and the summary still tells the rows sent."""
    columns = [list(range(20_000)), [Decimal(1)] * 20_000]
    for _ in range(2):
        summary = client.insert(
            "typed",
            columns,
            column_names=["id", "amount"],
            column_oriented=True,
            settings={"insert_deduplication_token": "topic/0/0-20000/1"},
        )
        assert summary.written_rows == 20_000
    assert client.query("SELECT count(), sum(amount) FROM typed").result_rows == [(20_000, Decimal(20_000))]


def test_parameters_are_bound_by_the_engine_also_those_of_a_view(client):
    """A value is never read as SQL; a parameterized view takes its parameters from the request."""
    text = "'; DROP TABLE x --\t\\N\n"
    when = datetime(2026, 3, 1, 12, tzinfo=UTC)
    bound = client.query(
        "SELECT {text:String}, {list:Array(String)}, {when:DateTime64(6, 'UTC')}, {number:Decimal(38, 6)}",
        parameters={"text": text, "list": ["a'b", "c"], "when": when, "number": Decimal("1.000001")},
        tz_mode="aware",
    )
    assert bound.result_rows == [(text, ["a'b", "c"], when, Decimal("1.000001"))]
    client.command("CREATE VIEW doubled AS SELECT number * {factor:UInt32} AS value FROM numbers(3)")
    assert client.query("SELECT value FROM doubled(factor={f:UInt32})", parameters={"f": 5}).result_columns == [[0, 5, 10]]
    client.command("DROP VIEW doubled")


def test_a_long_parameter_travels_in_a_form_or_in_the_url(stack, client):
    """clickhouse-connect moves long parameters from the URL into a form; other clients need not."""
    text = "x" * 100_000
    assert client.query("SELECT length({text:String})", parameters={"text": text}).result_rows == [(100_000,)]
    assert answer(stack, body=b"SELECT length({text:String})", param_text=text)[2] == b"100000\n"


def test_a_statement_that_says_nothing_is_a_syntax_error(stack):
    """An empty body, and one of comments only, are answered like any other mistake; a GET without a query says Ok."""
    for body in (b"", b" ;", b"-- nothing"):
        assert answer(stack, body=body)[1]["X-ClickHouse-Exception-Code"] == "62"
    assert answer(stack, method="GET")[2] == b"Ok.\n"


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip"])
def test_every_frame_of_a_compressed_body_is_stored(stack, client, encoding):
    """A body of several frames is stored whole; decoding only the first would lose rows with status 200."""
    compress = {"lz4": lz4.frame.compress, "zstd": zstandard.ZstdCompressor().compress, "gzip": gzip.compress}[encoding]
    blocks = [range(frame * FRAME_ROWS, (frame + 1) * FRAME_ROWS) for frame in range(FRAMES)]
    body = b"".join(compress("".join(f"{number}\n" for number in block).encode()) for block in blocks)
    insert = "INSERT INTO typed (id) FORMAT TSV"
    status, headers, _ = answer(stack, body=body, headers={"Content-Encoding": encoding}, query=insert)
    assert status == 200
    assert json.loads(headers["X-ClickHouse-Summary"])["written_rows"] == str(FRAMES * FRAME_ROWS)
    assert client.query("SELECT count(), uniqExact(id) FROM typed").result_rows == [(150_000, 150_000)]
    status, headers, _ = answer(stack, body=body[:-9], headers={"Content-Encoding": encoding}, query=insert)
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "271")


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip"])
def test_the_drivers_own_compressed_inserts_are_whole(stack, encoding):
    """Each compression that the driver offers stores every row of an insert of many blocks."""
    address = {"host": stack.clickhouse_host, "port": stack.clickhouse_port}
    with clickhouse_connect.get_client(**address, compress=encoding) as client:
        summary = client.insert("typed", [list(range(150_000))], column_names=["id"], column_oriented=True)
        assert summary.written_rows == 150_000
        assert client.query("SELECT count(), sum(id) FROM typed").result_rows == [(150_000, 149_999 * 75_000)]


def test_formats_are_those_of_the_engine(stack):
    """The statement's own FORMAT is served, and the header tells it."""
    status, headers, body = answer(stack, method="GET", query="SELECT 1 AS one, 'a' AS two FORMAT JSON")
    assert (status, headers["X-ClickHouse-Format"]) == (200, "JSON")
    assert json.loads(body)["data"] == [{"one": 1, "two": "a"}]
    assert answer(stack, body=b"SELECT 1, 'a'", default_format="CSV")[2] == b'1,"a"\n'
    assert answer(stack, body=b"SELECT 1, 'a'")[2] == b"1\ta\n"


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("form", ["JSONEachRow", "CSV", "TSV", "Arrow", "Native"])
def test_rows_come_out_and_go_in_again_in_every_format(stack, form):
    """What plain HTTP gives in a format, plain HTTP takes in it, to the last digit and microsecond."""
    rows = (
        b"1\t0.000001\t2026-01-31 23:30:00.000001\t\\N\t[('g|1',7)]\n2\t-12345678.9\t1970-01-01 00:00:00.000000\t\xc3\xa4\t[]\n"
    )
    answer(stack, body=b"INSERT INTO typed FORMAT TSV\n" + rows)
    status, headers, body = answer(stack, body=f"SELECT * FROM typed ORDER BY id FORMAT {form}".encode())
    assert (status, headers["X-ClickHouse-Format"]) == (200, form)
    answer(stack, body=b"TRUNCATE TABLE typed")
    status, headers, _ = answer(stack, body=body, query=f"INSERT INTO typed FORMAT {form}")
    assert (status, json.loads(headers["X-ClickHouse-Summary"])["written_rows"]) == (200, "2")
    assert answer(stack, body=b"SELECT * FROM typed ORDER BY id")[2] == rows


@pytest.mark.usefixtures("typed")
def test_a_get_only_reads(stack):
    """A link cannot change anything, whatever it says."""
    for query in ("INSERT INTO typed (id) VALUES (1)", "DROP TABLE typed", "SET readonly = 0"):
        status, headers, _ = answer(stack, method="GET", query=query)
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert answer(stack, method="GET", query="SELECT count() FROM typed")[2] == b"0\n"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE TABLE k (a UInt8) ENGINE = Kafka('127.0.0.1:1', 't', 'g', 'CSV')", 344),
        ("CREATE TABLE k (a UInt8) ENGINE=NATS SETTINGS nats_url = 'x'", 344),
        ("CREATE TABLE k (a UInt8) ENGINE RabbitMQ SETTINGS rabbitmq_format = 'CSV'", 344),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", 344),
        ("SELECT * FROM '/etc/passwd.csv'", 344),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", 344),
        ("INSERT INTO FUNCTION file('x.csv', 'CSV', 'a UInt8') VALUES (1)", 344),
        ("CREATE TABLE k (a UInt8) ENGINE = URL('http://127.0.0.1:1/', 'CSV')", 344),
        ("CREATE TABLE k (a UInt8) ENGINE = Executable('x', 'TSV')", 344),
        ("SELECT * FROM executable('x', 'TSV', 'a String')", 344),
        ("SYSTEM SHUTDOWN", 344),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT 1 SETTINGS `max_memory_usage` = 0", 452),
        ("SELECT * FROM not_there", 60),
    ],
)
def test_what_is_refused_is_refused_with_a_clickhouse_code(client, statement, code):
    """A refusal reads like any ClickHouse exception, and the stack goes on."""
    with pytest.raises(DatabaseError) as refused:
        client.command(statement)
    assert refused.value.code == code
    assert client.command("SELECT 1") == 1


def test_a_query_can_ask_for_less_than_the_limits_but_not_for_more(stack):
    """The limits hold for every query; a smaller one of its own stops it sooner."""
    _, _, body = answer(stack, body=b"SELECT getSetting('max_execution_time')", max_execution_time="999999")
    assert int(body) == stack.settings.query_seconds
    status, headers, _ = answer(stack, body=b"SELECT sleep(3)", max_execution_time="1")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "159")
    greedy = b"SELECT length(groupArray(number)) FROM numbers(10000000)"
    status, headers, _ = answer(stack, body=greedy, max_memory_usage=str(10 << 20))
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "241")


def test_pages_of_other_origins_are_refused(stack):
    """Neither a page's own request nor a name bound to the loopback address gets an answer."""
    for headers in ({"Origin": "http://example.org"}, {"Host": "example.org"}):
        assert answer(stack, body=b"SELECT 1", headers=headers)[1]["X-ClickHouse-Exception-Code"] == "497"


def test_parallel_queries_do_not_mix(stack):
    """Queries side by side get their own parameters, settings and results."""

    def ask(number: int) -> tuple:
        answered = answer(
            stack,
            body=b"SELECT {n:UInt32}, getSetting('max_block_size'), sum(number) FROM numbers({n:UInt32})",
            param_n=str(number),
            max_block_size=str(1_000 + number),
        )
        return tuple(int(part) for part in answered[2].split())

    with ThreadPoolExecutor(8) as threads:
        for number, found in enumerate(threads.map(ask, range(400))):
            assert found == (number, 1_000 + number, number * (number - 1) // 2)


def test_a_session_keeps_its_temporary_table_and_settings(stack):
    """What a session makes stays with it; what a request sets holds for that request only."""
    session = {"session_id": "embedded-session"}
    answer(stack, body=b"CREATE TEMPORARY TABLE mine (a UInt8)", **session)
    answer(stack, body=b"INSERT INTO mine VALUES (7)", **session)
    answer(stack, body=b"SET max_threads = 3", **session)
    read = b"SELECT any(a), getSetting('max_threads') FROM mine"
    assert answer(stack, body=read, **session, max_threads="1")[2] == b"7\t1\n"
    assert answer(stack, body=read, **session)[2] == b"7\t3\n"
    assert answer(stack, body=read)[1]["X-ClickHouse-Exception-Code"] == "60"
