"""Kafka and ClickHouse that run elsewhere: the settings name them, and the stack uses them and starts none of its own."""

import socket
from collections.abc import Mapping
from typing import NamedTuple

from creditstream.connection import PLAINTEXT
from schemas.errors import SettingsError, TransientError
from streams.clickhouse import ClickHouseAddress, connect, one_line
from streams.embedded.addresses import Address, Kind
from streams.embedded.state import Used
from streams.settings import given_texts, read_sink_settings

BROKERS = "CREDITS_KAFKA_BROKERS"
SECURITY = "CREDITS_KAFKA_SECURITY"
CLICKHOUSE_HOST = "CREDITS_CLICKHOUSE_HOST"
_CONNECT_SECONDS = 5


class Elsewhere(NamedTuple):
    """What runs elsewhere: brokers as host:port, and where ClickHouse is; None stands for what the stack starts itself.

    `by_tls` says that the brokers are spoken to by TLS.
    """

    brokers: tuple[str, ...] | None = None
    clickhouse: ClickHouseAddress | None = None
    by_tls: bool = False

    def used(self) -> tuple[Used, ...]:
        """Give what is used, as the state of a stack has it."""
        used = []
        if self.brokers is not None:
            used.append(Used("kafka", tuple(_addresses_of(self)), BROKERS))
        if self.clickhouse is not None:
            address = Address(Kind.CLICKHOUSE, self.clickhouse.host, self.clickhouse.port)
            used.append(Used("clickhouse", (address,), CLICKHOUSE_HOST))
        return tuple(used)


NOTHING = Elsewhere()
"""The stack starts everything itself."""


def read_elsewhere(environment: Mapping[str, str]) -> Elsewhere:
    """Read what runs elsewhere: whatever its setting names; raises `SettingsError` for a setting that will not do."""
    settings, given = read_sink_settings(environment), given_texts(environment)
    address = ClickHouseAddress(settings.host, settings.port, settings.user, settings.password)
    return Elsewhere(
        brokers=settings.brokers if BROKERS in given else None,
        by_tls=settings.kafka.security.is_by_tls,
        clickhouse=address if CLICKHOUSE_HOST in given else None,
    )


def refuse_secured(environment: Mapping[str, str]) -> None:
    """Raise `SettingsError` where a Kafka that is started here is to be spoken to by TLS or as a user."""
    protocol = read_sink_settings(environment).kafka_protocol
    if protocol != PLAINTEXT:
        raise SettingsError(
            f"{SECURITY} is {protocol!r}, and a Kafka that is started here is spoken to in the open; name one that runs "
            f"elsewhere with {BROKERS}, or leave {SECURITY} empty"
        )


def check_elsewhere(elsewhere: Elsewhere) -> None:
    """Raise `SettingsError` naming the setting, within seconds, where what should run elsewhere does not answer there."""
    if elsewhere.brokers is not None:
        _check_kafka(_addresses_of(elsewhere))
    if elsewhere.clickhouse is not None:
        _check_clickhouse(elsewhere.clickhouse)


def _check_kafka(addresses: list[Address]) -> None:
    if any(address.answers() for address in addresses):
        return
    reasons = "; ".join(f"{address}: {_reason(address)}" for address in addresses)
    raise SettingsError(f"no Kafka answers at {BROKERS} ({reasons}); name one that does, or leave it empty to start one here")


def _check_clickhouse(clickhouse: ClickHouseAddress) -> None:
    address = Address(Kind.CLICKHOUSE, clickhouse.host, clickhouse.port)
    if not address.answers():
        raise SettingsError(
            f"no ClickHouse answers at {CLICKHOUSE_HOST} and CREDITS_CLICKHOUSE_PORT ({address}: {_reason(address)}); "
            "name one that does, or leave the host empty to start one here"
        )
    try:
        connect(clickhouse).close()
    except TransientError as error:
        raise SettingsError(f"{error} (CREDITS_CLICKHOUSE_USER and CREDITS_CLICKHOUSE_PASSWORD say as whom)") from error


def _reason(address: Address) -> str:
    """Say why an address does not answer as it should."""
    try:
        socket.create_connection((address.host, address.port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        return one_line(error)
    return "what listens there answers otherwise"


def _addresses_of(elsewhere: Elsewhere) -> list[Address]:
    """Give where the brokers are that run elsewhere."""
    kind = Kind.KAFKA_BY_TLS if elsewhere.by_tls else Kind.KAFKA
    parts = [broker.rpartition(":") for broker in elsewhere.brokers or ()]
    return [Address(kind, host.strip("[]"), int(port)) for host, _, port in parts]
