"""The settings of a worker and a sink: what they are without any, what can be set, and what is said of a bad one."""

from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.settings import read_sink_settings, read_worker_settings


def test_defaults_are_those_of_a_laptop():
    """Without any variable worker and sink find the embedded stack; an empty one counts as not set."""
    settings = read_worker_settings({"CREDITS_PARTITION_COUNT": "  "})
    assert settings.brokers == ("127.0.0.1:19092",)
    assert settings.catalog == Path("catalog.toml")
    assert settings.partition_count == 8
    assert settings.member_name is None
    assert settings.clock_enabled
    sink = read_sink_settings({})
    assert (sink.brokers, sink.host, sink.port) == (("127.0.0.1:19092",), "127.0.0.1", 18123)
    assert sink.web_port != settings.web_port


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("CREDITS_KAFKA_BROKERS", "a:9092, [::1]:9093", "brokers", ("a:9092", "[::1]:9093")),
        ("CREDITS_CATALOG", " my catalog.toml ", "catalog", Path("my catalog.toml")),
        ("CREDITS_PARTITION_COUNT", "64", "partition_count", 64),
        ("CREDITS_MEMBER_NAME", "w-1", "member_name", "w-1"),
        ("CREDITS_STATE_FOLDER", "/var/lib/state", "state_folder", Path("/var/lib/state")),
        ("CREDITS_CLOCK", "off", "clock_enabled", False),
        ("CREDITS_WEB_HOST", "::", "web_host", "::"),
        ("CREDITS_WEB_PORT", "0", "web_port", 0),
        ("CREDITS_LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
    ],
)
def test_what_is_set_is_read_as_what_it_is(name, text, field, value):
    """Addresses, paths, numbers, names and switches reach their field."""
    assert getattr(read_worker_settings({name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("CREDITS_KAFKA_BROKERS", "kafka", "addresses such as kafka1:9092,kafka2:9092"),
        ("CREDITS_KAFKA_BROKERS", "kafka:70000", "addresses"),
        ("CREDITS_KAFKA_BROKERS", "kafka:0", "addresses"),
        ("CREDITS_KAFKA_BROKERS", "kafka:9_092", "addresses"),
        ("CREDITS_KAFKA_BROKERS", "http://kafka:9092", "addresses"),
        ("CREDITS_KAFKA_BROKERS", "a:9092,,b:9092", "addresses"),
        ("CREDITS_CATALOG", "catalog\0.toml", "the path of a TOML file"),
        ("CREDITS_PARTITION_COUNT", "0", "a whole number from 1 to 1024"),
        ("CREDITS_PARTITION_COUNT", "1025", "a whole number from 1 to 1024"),
        ("CREDITS_PARTITION_COUNT", "8.0", "a whole number from 1 to 1024"),
        ("CREDITS_PARTITION_COUNT", "eight", "a whole number from 1 to 1024"),
        ("CREDITS_PARTITION_COUNT", "٨", "a whole number from 1 to 1024"),
        ("CREDITS_PARTITION_COUNT", "1" * 5000, "a whole number from 1 to 1024"),
        ("CREDITS_SESSION_SECONDS", "-6", "a whole number from 6 to 1800"),
        ("CREDITS_MEMBER_NAME", "a b", "at most 100 letters, digits"),
        ("CREDITS_MEMBER_NAME", "..", "at most 100 letters, digits"),
        ("CREDITS_MEMBER_NAME", "w" * 101, "at most 100 letters, digits"),
        ("CREDITS_CLOCK", "true", "on or off"),
        ("CREDITS_WEB_HOST", "127.0.0.1:80", "an address or a name of this machine, without port"),
        ("CREDITS_LOG_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_right(name, value, right):
    """The sentence names setting, value, what would be right and the effect."""
    with pytest.raises(SettingsError) as raised:
        read_worker_settings({name: value})
    sentence = str(raised.value)
    assert sentence.startswith(f"{name} is {value!r}; it must be {right}")
    assert sentence.endswith(")")


@pytest.mark.parametrize("host", ["clickhouse:8123", "http://clickhouse", "click house", "::1/"])
def test_a_host_has_neither_port_nor_protocol(host):
    """What is more than the name or address of a host is refused."""
    with pytest.raises(SettingsError, match="the name or address of a host, without port"):
        read_sink_settings({"CREDITS_CLICKHOUSE_HOST": host})


def test_a_secret_is_never_shown():
    """A password that will not do is named without it, and the settings do not show one when they are printed."""
    with pytest.raises(SettingsError) as raised:
        read_sink_settings({"CREDITS_CLICKHOUSE_PASSWORD": "hunter\n2"})
    assert str(raised.value).startswith("CREDITS_CLICKHOUSE_PASSWORD is (hidden); it must be a password")
    assert "hunter" not in f"{raised.value!r} {raised.value.__cause__!r}"
    settings = read_sink_settings({"CREDITS_CLICKHOUSE_PASSWORD": "hunter2"})
    assert settings.password == "hunter2"  # noqa: S105 - no secret of anybody
    assert "hunter2" not in repr(settings)
