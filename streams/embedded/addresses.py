"""Where a part of the stack is reached, and whether it answers there as what it is."""

import http.client
import socket
import ssl
from enum import StrEnum
from typing import NamedTuple

from streams.embedded.kafka import kafka_answers

_ANSWER_SECONDS = 2


class Kind(StrEnum):
    """What a part is, which says how it is asked."""

    KAFKA = "kafka"
    KAFKA_BY_TLS = "kafka by tls"
    CLICKHOUSE = "clickhouse"
    SERVICE = "service"


class Address(NamedTuple):
    """Host and port of a part, and what answers there."""

    kind: Kind
    host: str
    port: int

    def answers(self) -> bool:
        """Say whether the part is ready: a broker or ClickHouse serves requests, a worker or the sink says so at /readyz."""
        match self.kind:
            case Kind.KAFKA:
                return kafka_answers(self.port, host=self.host)
            case Kind.KAFKA_BY_TLS:
                return _speaks_tls(self)
            case Kind.CLICKHOUSE:
                return _gives_200(self, "/ping")
            case Kind.SERVICE:
                return _gives_200(self, "/readyz")

    def __str__(self) -> str:
        """Write it as people type it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.kind in (Kind.KAFKA, Kind.KAFKA_BY_TLS) else f"http://{host}:{self.port}"


def _speaks_tls(address: Address) -> bool:
    """Say whether something at an address agrees to speak TLS; whom it trusts, and who it is, is seen by Kafka's clients."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((address.host, address.port), timeout=_ANSWER_SECONDS) as connection:
            context.wrap_socket(connection).close()
    except OSError:
        return False
    return True


def _gives_200(address: Address, path: str) -> bool:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
