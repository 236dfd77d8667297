"""Where Kafka is and how it is spoken to: one value, from which every Kafka client of the project is made."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, Self

from schemas.errors import SettingsError

PLAINTEXT = "plaintext"
TLS = "tls"
SASL_PLAINTEXT = "sasl-plaintext"
SASL_TLS = "sasl-tls"
PROTOCOLS = {PLAINTEXT: "PLAINTEXT", TLS: "SSL", SASL_PLAINTEXT: "SASL_PLAINTEXT", SASL_TLS: "SASL_SSL"}
"""How a broker may be spoken to, and what Kafka calls it."""
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_WITH_TLS = (TLS, SASL_TLS)
_WITH_SASL = (SASL_PLAINTEXT, SASL_TLS)


class SecurityFault(NamedTuple):
    """The field of a KafkaSecurity that will not do, and what is wrong with it."""

    field: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class KafkaSecurity:
    """How brokers are spoken to: in the open or by TLS, as anybody or as a user.

    `protocol` is plaintext, tls, sasl-plaintext or sasl-tls. The files are PEM: `ca_file` holds the certificates by which
    brokers are known (the system's, where it is None), `certificate_file` and `key_file` what this client shows of itself,
    where the brokers ask for it. `mechanism` is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    """

    protocol: str = PLAINTEXT
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    mechanism: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_by_tls(self) -> bool:
        """Whether brokers are spoken to by TLS."""
        return self.protocol in _WITH_TLS

    def fault(self) -> SecurityFault | None:
        """Give the first field that does not go with the others, or whose file cannot be used; None where all is well."""
        if self.protocol not in PROTOCOLS:
            return SecurityFault("protocol", f"must be one of {', '.join(PROTOCOLS)}")
        return self._fault_of_files() or self._fault_of_user()

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments with which aiokafka's clients keep to this; raises SettingsError for what has a fault."""
        fault = self.fault()
        if fault is not None:
            raise SettingsError(f"the {fault.field} of KafkaSecurity {fault.detail}")
        arguments: dict[str, Any] = {"security_protocol": PROTOCOLS[self.protocol]}
        if self.is_by_tls:
            arguments["ssl_context"] = self._tls_context()
        if self.protocol in _WITH_SASL:
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return arguments

    def _fault_of_files(self) -> SecurityFault | None:
        files = {"ca_file": self.ca_file, "certificate_file": self.certificate_file, "key_file": self.key_file}
        for name, file in files.items():
            if file is not None and self.protocol not in _WITH_TLS:
                return SecurityFault(name, f"must not be given with {self.protocol}, which uses no certificates")
            if file is not None and not file.is_file():
                return SecurityFault(name, "must be the path of a file that is there")
        if (self.certificate_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "certificate_file"
            return SecurityFault(missing, "must be given, since certificate and key come together")
        return self._fault_of_content() if self.protocol in _WITH_TLS else None

    def _fault_of_content(self) -> SecurityFault | None:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # what is wrong with a certificate is one too
            return SecurityFault("ca_file", f"must hold certificates in PEM ({error.strerror})")
        try:
            self._show_certificate(context)
        except OSError as error:
            return SecurityFault(
                "certificate_file", f"must go with the key, both in PEM and without passphrase ({error.strerror})"
            )
        return None

    def _fault_of_user(self) -> SecurityFault | None:
        given = {"mechanism": self.mechanism, "user": self.user, "password": self.password}
        for name, text in given.items():
            if text and self.protocol not in _WITH_SASL:
                return SecurityFault(name, f"must not be given with {self.protocol}, which knows no users")
            if not text and self.protocol in _WITH_SASL:
                return SecurityFault(name, f"must be given with {self.protocol}")
        if self.mechanism and self.mechanism not in MECHANISMS:
            return SecurityFault("mechanism", f"must be one of {', '.join(MECHANISMS)}")
        return None

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        self._show_certificate(context)
        return context

    def _show_certificate(self, context: ssl.SSLContext) -> None:
        if self.certificate_file is not None:
            # With a passphrase of its own choice, OpenSSL does not ask a person for the one that a key may have.
            context.load_cert_chain(self.certificate_file, self.key_file, password=lambda: "")


SECURITY_FIELDS = tuple(one.name for one in fields(KafkaSecurity))
"""The names of the fields of a KafkaSecurity, in their order."""
IN_THE_OPEN = KafkaSecurity()
"""Neither TLS nor users."""


@dataclass(frozen=True)
class Connection:
    """The brokers to begin with (`host:port` each), and how they are spoken to; as a text, their addresses."""

    addresses: tuple[str, ...]
    security: KafkaSecurity = IN_THE_OPEN

    @classmethod
    def to(cls, brokers: str | Sequence[str], *, security: KafkaSecurity = IN_THE_OPEN) -> Self:
        """Give the connection to brokers that are named one by one, or in a text with commas between them."""
        text = brokers if isinstance(brokers, str) else ",".join(brokers)
        return cls(tuple(address.strip() for address in text.split(",")), security)

    def arguments(self) -> dict[str, Any]:
        """Give the keyword arguments that every client of aiokafka takes; raises SettingsError as `KafkaSecurity` does."""
        return {"bootstrap_servers": list(self.addresses), **self.security.arguments()}

    def __str__(self) -> str:
        return ",".join(self.addresses)


Brokers = Connection | str | Sequence[str]
"""What a function takes that speaks to Kafka: a connection, or only addresses, which are spoken to in the open."""


def connection_of(brokers: Brokers) -> Connection:
    """Give the connection that is meant by what a function took."""
    return brokers if isinstance(brokers, Connection) else Connection.to(brokers)
