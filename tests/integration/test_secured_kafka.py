"""Everything that speaks to Kafka does so by TLS and as a user where it is told to: client, commands, worker and sink."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

import creditstream as cs
from creditstream import Connection
from schemas.codec import decode
from streams.embedded.addresses import Address, Kind
from streams.embedded.elsewhere import Elsewhere, check_elsewhere
from streams.kafka.dump import read_input_topics
from streams.kafka.topics import GENERATION, GROUP, ensure_topics
from streams.kafka.transaction import FencedProducer
from streams.metrics import SinkMetrics
from streams.settings import SinkSettings
from streams.sink.health import Health
from streams.sink.queues import Queues
from streams.sink.reading import Reader
from streams.sink.running import sink_group
from tests.support.secured_kafka import (
    MECHANISMS,
    PASSWORD,
    USER,
    SecuredKafka,
    make_certificate,
    secured_kafka_running,
)
from tests.support.worker_processes import wait_for, worker_running

PARTITION_COUNT = 2
SECONDS = 60
GUESSED = "guessed"


@pytest.fixture(scope="module")
def kafka(data_folder: Path) -> Iterator[SecuredKafka]:
    """Give a Kafka with secured listeners, and none of our topics yet."""
    if shutil.which("openssl") is None:
        pytest.skip("a certificate is made with openssl, which is not there")
    with secured_kafka_running(data_folder / "secured") as running:
        yield running


@pytest.fixture(scope="module")
def environment(kafka: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the settings of a worker, a sink and the commands, which come as a user by TLS."""
    folder = tmp_path_factory.mktemp("secured")
    (folder / "catalog.toml").write_text("[credit_types.coins]\n", encoding="utf-8")
    return {
        "CREDITS_KAFKA_BROKERS": kafka.both,
        "CREDITS_KAFKA_SECURITY": "sasl-tls",
        "CREDITS_KAFKA_CA_FILE": str(kafka.certificate.certificate),
        "CREDITS_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "CREDITS_KAFKA_USER": USER,
        "CREDITS_KAFKA_PASSWORD": PASSWORD,
        "CREDITS_CATALOG": str(folder / "catalog.toml"),
        "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
        "CREDITS_STATE_FOLDER": str(folder / "state"),
        "CREDITS_WEB_PORT": "0",
    }


def credits_command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does."""
    command = [sys.executable, "-m", "streams", *arguments]
    whole = {**os.environ, **environment}
    return subprocess.run(command, env=whole, capture_output=True, text=True, check=False, timeout=SECONDS)


@pytest.fixture(scope="module")
def topics_made(environment: dict[str, str]) -> bool:
    """Make the topics by the command, as a user by TLS."""
    done = credits_command(environment, "topics", "create")
    assert done.returncode == 0, done.stderr
    assert "credits.grants" in done.stdout
    return True


def grant(number: int) -> cs.CreditGranted:
    return cs.credit_granted(
        event_id=f"g{number}",
        organization_id="o1",
        customer_id=f"c{number}",
        occurred_at="2026-03-10T12:00:00Z",
        grant_id=f"g{number}",
        credit_type="coins",
        name="gift",
        cadence=cs.ONCE,
        amount=5,
    )


def lies_at(connection: Connection, position: cs.Position) -> cs.Event:
    """Read what lies at a position."""
    _, records = asyncio.run(read_input_topics(bootstrap_servers=connection))
    [value] = [record.value for record in records if (record.topic, record.partition, record.offset) == position]
    return decode(value)


def ways_in(kafka: SecuredKafka) -> dict[str, Connection]:
    """Give every way to speak to the brokers."""
    ways = {f"{mechanism} in the open": kafka.as_user(mechanism) for mechanism in MECHANISMS}
    ways |= {f"{mechanism} by TLS": kafka.as_user_by_tls(mechanism) for mechanism in MECHANISMS}
    return {**ways, "by certificate": kafka.by_certificate()}


def test_an_event_comes_in_and_is_read_by_every_way(kafka, topics_made):
    """Each mechanism, with and without TLS, and a certificate: what one way brings in, the same way reads."""
    assert topics_made
    for number, (way, connection) in enumerate(ways_in(kafka).items()):
        event = grant(number)
        with cs.SyncEmitter(connection) as emitter:
            position = emitter.emit(event)
        assert lies_at(connection, position) == event, way


def test_the_commands_keep_to_the_settings(environment, topics_made, tmp_path):
    """Whatever asks Kafka for something does so as a user by TLS."""
    assert topics_made
    events = tmp_path / "events.jsonl"
    events.write_text(
        '{"type": "CreditVoided", "event_id": "v1", "organization_id": "o1", "customer_id": "c1", '
        '"occurred_at": "2026-03-11T00:00:00Z", "grant_id": "g1"}\n'
    )
    for arguments, said in {
        ("topics", "check"): "topics are as they have to be",
        ("emit", str(events)): "1 records sent",
        ("topics", "dump"): "credits.voids",
        ("clock", "hold"): "History does not settle",
        ("clock", "status"): "History does not settle",
        ("dead-letters", "list"): "",
    }.items():
        done = credits_command(environment, *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert said in done.stdout, arguments


async def test_a_worker_keeps_to_the_settings(kafka, environment, topics_made, tmp_path):
    """It restores, fences, reads, commits and says the time, all as a user by TLS: in the end all that lay there is applied."""
    assert topics_made
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.open)
    await admin.start()
    try:
        with worker_running(environment, tmp_path / "worker.log") as worker:

            async def has_said_the_time() -> bool:
                try:
                    offsets = await admin.list_consumer_group_offsets(GROUP)
                except KafkaError:  # the brokers know of no group yet
                    return False
                applied = sum(one.offset for one in offsets.values())
                _, records = await read_input_topics(bootstrap_servers=kafka.open)
                return applied == len(records) and sum(record.key is None for record in records) == 3 * PARTITION_COUNT

            await wait_for(has_said_the_time, seconds=SECONDS, workers=[worker])
    finally:
        await admin.close()


async def test_a_sink_keeps_to_the_settings(kafka, topics_made):
    """Its reader joins the group as a user by TLS, and is given every partition of the output topics."""
    assert topics_made
    settings = replace(
        SinkSettings(),
        brokers=(kafka.both,),
        kafka_protocol="sasl-tls",
        kafka_ca_file=kafka.certificate.certificate,
        kafka_mechanism="SCRAM-SHA-256",
        kafka_user=USER,
        kafka_password=PASSWORD,
    )
    assert PASSWORD not in repr(settings)
    reader = Reader(
        settings,
        sink_group(GENERATION),
        Queues(batch_bytes=1 << 20, batch_seconds=1, buffer_bytes=1 << 20),
        SinkMetrics(CollectorRegistry()),
        Health(),
    )
    try:
        await reader.start()
    finally:
        await reader.stop()


async def test_a_writer_that_fences_comes_by_certificate_too(kafka, topics_made):
    """The transactional producer shows the certificate."""
    assert topics_made
    async with FencedProducer(kafka.by_certificate(), transactional_id="by-certificate"):
        pass


def test_whoever_is_not_known_is_turned_away(kafka, topics_made, tmp_path):
    """A wrong password, a broker that vouches for another certificate, no TLS: one sentence each, that says no secret."""
    assert topics_made
    other = make_certificate(tmp_path).certificate
    turned_away = [
        kafka.as_user("PLAIN", password=GUESSED),
        kafka.as_user("SCRAM-SHA-512", password=GUESSED),
        kafka.as_user_by_tls("PLAIN", ca_file=other),
        Connection.to(kafka.mutual, security=cs.KafkaSecurity(protocol="tls", ca_file=kafka.certificate.certificate)),
    ]
    for connection in turned_away:
        protocol = connection.security.protocol
        with pytest.raises(cs.TransientError) as caught, cs.SyncEmitter(connection):
            pass
        assert str(caught.value) == (
            f"Kafka at {connection} does not answer, or does not take a client that comes by {protocol}"
        )


def test_brokers_that_run_elsewhere_answer_by_tls(kafka):
    """`credits up` uses them where they agree to TLS, and says so where nothing there does."""
    check_elsewhere(Elsewhere(brokers=(kafka.both,), by_tls=True))
    host, _, port = kafka.open.rpartition(":")
    assert not Address(Kind.KAFKA_BY_TLS, host, int(port)).answers()
    with pytest.raises(cs.SettingsError, match="no Kafka answers at CREDITS_KAFKA_BROKERS"):
        check_elsewhere(Elsewhere(brokers=(kafka.open,), by_tls=True))


def test_topics_that_exist_are_checked_by_certificate(kafka, topics_made):
    """The admin client shows the certificate, and finds nothing to make."""
    assert topics_made
    made = asyncio.run(ensure_topics(kafka.by_certificate(), partition_count=PARTITION_COUNT, replication_factor=1))
    assert made == []
