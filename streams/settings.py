"""What can be set of the worker, by environment variable: each setting with default, limits, unit and meaning, declared once.

`read_worker_settings` reads a mapping, so that the command line, a test and a container set things in one way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import SettingsError

Read = Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """The settings of a worker; each field is explained in `SETTINGS`."""

    brokers: tuple[str, ...]
    catalog: Path
    partition_count: int
    replication_factor: int
    member_name: str | None
    batch_records: int
    commit_milliseconds: int
    uncommitted_records: int
    session_seconds: int
    state_folder: Path
    state_cache_megabytes: int
    state_write_megabytes: int
    clock_enabled: bool
    web_host: str
    web_port: int
    log_level: str


@dataclass(frozen=True, kw_only=True)
class SinkSettings:
    """The settings of a sink; each field is explained in `SINK_SETTINGS`."""

    brokers: tuple[str, ...]
    host: str
    port: int
    user: str
    password: str
    member_name: str | None
    batch_rows: int
    batch_bytes: int
    batch_milliseconds: int
    buffer_bytes: int
    web_host: str
    web_port: int
    log_level: str


class Setting(NamedTuple):
    """One setting: its variable, the field it fills, its default as text, how it is read, what would be right, its meaning.

    `read` raises ValueError for a text that will not do. The value of a `secret` one is never shown.
    """

    name: str
    field: str
    default: str
    read: Read
    right: str
    meaning: str
    secret: bool = False


def _brokers(text: str) -> tuple[str, ...]:
    addresses = tuple(address.strip() for address in text.split(","))
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not 0 < int(port) < 65536:
            raise ValueError(address)
    return addresses


def _number(least: int, greatest: int) -> tuple[Read, str]:
    def read(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else None
        if value is None or not least <= value <= greatest:
            raise ValueError(text)
        return value

    return read, f"a whole number from {least} to {greatest}"


def _member_name(text: str) -> str | None:
    if not all(character.isalnum() or character in "._-" for character in text) or not text.isascii():
        raise ValueError(text)
    return text or None


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(text)
    return text == "on"


_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def _log_level(text: str) -> str:
    if text not in _LOG_LEVELS:
        raise ValueError(text)
    return text


SETTINGS = (
    Setting(
        "CREDITS_KAFKA_BROKERS",
        "brokers",
        "127.0.0.1:19092",
        _brokers,
        "addresses such as kafka1:9092,kafka2:9092",
        "Kafka brokers to begin with",
    ),
    Setting("CREDITS_CATALOG", "catalog", "catalog.toml", Path, "the path of a TOML file", "the catalog"),
    Setting(
        "CREDITS_PARTITION_COUNT",
        "partition_count",
        "8",
        *_number(1, 1024),
        "partitions of each topic, chosen once for the life of the topics",
    ),
    Setting(
        "CREDITS_REPLICATION_FACTOR", "replication_factor", "1", *_number(1, 16), "copies of each partition of a new topic"
    ),
    Setting(
        "CREDITS_MEMBER_NAME",
        "member_name",
        "",
        _member_name,
        "letters, digits, '.', '_' and '-'",
        "name of this worker in its group, other than that of any other: one that restarts gets its partitions back at once",
    ),
    Setting("CREDITS_BATCH_RECORDS", "batch_records", "1000", *_number(1, 100_000), "records of a batch at most"),
    Setting(
        "CREDITS_COMMIT_MILLISECONDS",
        "commit_milliseconds",
        "100",
        *_number(1, 10_000),
        "milliseconds between the commits of a partition, at least",
    ),
    Setting(
        "CREDITS_UNCOMMITTED_RECORDS",
        "uncommitted_records",
        "10000",
        *_number(1, 1_000_000),
        "records of a partition that may wait for its next commit before it fetches no more",
    ),
    Setting(
        "CREDITS_SESSION_SECONDS",
        "session_seconds",
        "10",
        *_number(6, 1800),
        "seconds without a sign of life after which the group gives a worker's partitions to another",
    ),
    Setting("CREDITS_STATE_FOLDER", "state_folder", ".data/state", Path, "the path of a folder", "folder of the local stores, of this worker alone"),
    Setting("CREDITS_STATE_CACHE_MEGABYTES", "state_cache_megabytes", "64", *_number(8, 65536), "memory that the local stores share for reading"),
    Setting("CREDITS_STATE_WRITE_MEGABYTES", "state_write_megabytes", "64", *_number(8, 65536), "memory that the local stores share for writing"),
    Setting("CREDITS_CLOCK", "clock_enabled", "on", _switch, "on or off", "whether the worker says the time"),
    Setting("CREDITS_WEB_HOST", "web_host", "127.0.0.1", str, "an address", "address of the web server"),
    Setting("CREDITS_WEB_PORT", "web_port", "18080", *_number(0, 65535), "port of the web server, 0 for any that is free"),
    Setting(
        "CREDITS_LOG_LEVEL", "log_level", "INFO", _log_level, "one of " + ", ".join(_LOG_LEVELS), "least level that is logged"
    ),
)


def _host(text: str) -> str:
    if not text or any(character.isspace() or character in "/:" for character in text):
        raise ValueError(text)
    return text


SINK_SETTINGS = (
    SETTINGS[0],
    Setting("CREDITS_CLICKHOUSE_HOST", "host", "127.0.0.1", _host, "the name or address of a host", "ClickHouse's host"),
    Setting("CREDITS_CLICKHOUSE_PORT", "port", "18123", *_number(1, 65535), "port of ClickHouse's HTTP interface"),
    Setting("CREDITS_CLICKHOUSE_USER", "user", "default", str, "the name of a user", "as whom to speak to ClickHouse"),
    Setting("CREDITS_CLICKHOUSE_PASSWORD", "password", "", str, "a password", "that user's password", secret=True),
    Setting("CREDITS_SINK_MEMBER_NAME", "member_name", "", _member_name, "letters, digits, '.', '_' and '-'", "name of this sink in its group"),
    Setting("CREDITS_SINK_ROWS", "batch_rows", "10000", *_number(1, 1_000_000), "rows of an insert at which it does not wait"),
    Setting("CREDITS_SINK_MILLISECONDS", "batch_milliseconds", "500", *_number(1, 60_000), "milliseconds that a row waits"),
    Setting("CREDITS_SINK_BYTES", "batch_bytes", "4194304", *_number(1024, 1 << 30), "bytes of an insert at which it does not wait"),
    Setting("CREDITS_SINK_BUFFER_BYTES", "buffer_bytes", "67108864", *_number(1024, 1 << 36), "bytes that may wait"),
    Setting("CREDITS_WEB_HOST", "web_host", "127.0.0.1", str, "an address", "address of the web server"),
    Setting("CREDITS_SINK_WEB_PORT", "web_port", "18081", *_number(0, 65535), "port of the web server, 0 for any that is free"),
    SETTINGS[-1],
)


def read_sink_settings(environment: Mapping[str, str]) -> SinkSettings:
    """Read the settings of a sink from environment variables; one that is empty counts as not set.

    Raises SettingsError naming the setting, its value (hidden for a secret) and what would be right.
    """
    return SinkSettings(**{setting.field: _value_of(setting, environment) for setting in SINK_SETTINGS})


def read_worker_settings(environment: Mapping[str, str]) -> WorkerSettings:
    """Read the settings of a worker from environment variables; one that is empty counts as not set.

    Raises SettingsError naming the setting, its value (hidden for a secret) and what would be right.
    """
    return WorkerSettings(**{setting.field: _value_of(setting, environment) for setting in SETTINGS})


def _value_of(setting: Setting, environment: Mapping[str, str]) -> Any:
    text = environment.get(setting.name, "").strip() or setting.default
    try:
        return setting.read(text)
    except ValueError as error:
        shown = "(hidden)" if setting.secret else repr(text)
        raise SettingsError(f"{setting.name} is {shown}; it must be {setting.right} ({setting.meaning})") from error
