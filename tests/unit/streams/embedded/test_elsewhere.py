"""Kafka and ClickHouse that run elsewhere are used when they answer, and named by their setting when they do not."""

import socket

import pytest

from schemas.errors import SettingsError
from streams.clickhouse import ClickHouseAddress
from streams.embedded.elsewhere import NOTHING, Elsewhere, check_elsewhere, read_elsewhere
from streams.embedded.ports import free_ports
from tests.support.http_answers import answering


def test_nothing_runs_elsewhere_unless_a_setting_says_so():
    """The port of ClickHouse alone, or an empty variable, names nothing."""
    assert read_elsewhere({}) == NOTHING
    assert read_elsewhere({"CREDITS_KAFKA_BROKERS": " ", "CREDITS_CLICKHOUSE_PORT": "8123"}) == NOTHING
    assert NOTHING.used() == ()


def test_what_the_settings_name_is_used():
    """Several brokers are one Kafka; user and password of ClickHouse come along."""
    elsewhere = read_elsewhere(
        {
            "CREDITS_KAFKA_BROKERS": "one:9092, two:9093",
            "CREDITS_CLICKHOUSE_HOST": "ch",
            "CREDITS_CLICKHOUSE_PORT": "8123",
            "CREDITS_CLICKHOUSE_USER": "ledger",
            "CREDITS_CLICKHOUSE_PASSWORD": "secret",
        }
    )
    assert elsewhere == Elsewhere(("one:9092", "two:9093"), ClickHouseAddress("ch", 8123, "ledger", "secret"))
    kafka, clickhouse = elsewhere.used()
    assert [str(address) for address in kafka.addresses] == ["one:9092", "two:9093"]
    assert [str(address) for address in clickhouse.addresses] == ["http://ch:8123"]
    assert (kafka.setting, clickhouse.setting) == ("CREDITS_KAFKA_BROKERS", "CREDITS_CLICKHOUSE_HOST")


def test_a_wrong_address_is_one_sentence_that_names_the_setting():
    """It says what was tried and what the system answered."""
    (port,) = free_ports(1)
    with pytest.raises(SettingsError) as refused:
        check_elsewhere(Elsewhere(brokers=(f"127.0.0.1:{port}",)))
    assert str(refused.value) == (
        f"no Kafka answers at CREDITS_KAFKA_BROKERS (127.0.0.1:{port}: Connection refused); "
        "name one that does, or leave it empty to start one here"
    )
    with pytest.raises(SettingsError) as refused:
        check_elsewhere(Elsewhere(clickhouse=ClickHouseAddress("127.0.0.1", port)))
    assert str(refused.value) == (
        f"no ClickHouse answers at CREDITS_CLICKHOUSE_HOST and CREDITS_CLICKHOUSE_PORT (http://127.0.0.1:{port}: "
        "Connection refused); name one that does, or leave the host empty to start one here"
    )


def test_a_name_that_nobody_knows_is_said():
    """A mistyped host is told from one that does not listen."""
    with pytest.raises(SettingsError, match=r"\(nobody\.invalid:9092: [A-Z][^)]*\); name one that does") as refused:
        check_elsewhere(Elsewhere(brokers=("nobody.invalid:9092",)))
    assert "\n" not in str(refused.value)


def test_something_else_that_listens_there_is_neither():
    """A port that is open is not enough."""
    with answering({}) as port:
        with pytest.raises(SettingsError, match="what listens there answers otherwise"):
            check_elsewhere(Elsewhere(brokers=(f"127.0.0.1:{port}",)))
        with pytest.raises(SettingsError, match="what listens there answers otherwise"):
            check_elsewhere(Elsewhere(clickhouse=ClickHouseAddress("127.0.0.1", port)))


def test_one_that_never_answers_costs_seconds_not_minutes():
    """A connection that is accepted and then forgotten counts as no answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SettingsError, match="what listens there answers otherwise"):
            check_elsewhere(Elsewhere(brokers=(broker,)))


def test_a_password_that_clickhouse_refuses_is_said_before_the_sink_tries_it():
    """The sentence names the two settings, and never the password."""
    refusal = b"Code: 516. DB::Exception: ledger: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)\n"
    with answering({"/ping": (200, b"Ok.\n"), "/": (403, refusal)}) as port:
        address = ClickHouseAddress("127.0.0.1", port, "ledger", "secret-of-the-test")
        with pytest.raises(SettingsError, match=r"Authentication failed") as refused:
            check_elsewhere(Elsewhere(clickhouse=address))
    assert "CREDITS_CLICKHOUSE_USER and CREDITS_CLICKHOUSE_PASSWORD" in str(refused.value)
    assert "secret-of-the-test" not in str(refused.value)
