"""Where a part of the stack is reached, and whether it answers there as what it is."""

import http.client
from enum import StrEnum
from typing import NamedTuple

from streams.embedded.kafka import kafka_answers

_ANSWER_SECONDS = 2


class Kind(StrEnum):
    """What a part is, which says how it is asked."""

    KAFKA = "kafka"
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
            case Kind.CLICKHOUSE:
                return _gives_200(self, "/ping")
            case Kind.SERVICE:
                return _gives_200(self, "/readyz")

    def __str__(self) -> str:
        """Write it as people type it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.kind is Kind.KAFKA else f"http://{host}:{self.port}"


def _gives_200(address: Address, path: str) -> bool:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
