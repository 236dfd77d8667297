"""A Kafka that is spoken to by TLS and as a user, beside the open listener by which it is set up."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from creditstream import Connection, KafkaSecurity
from streams.embedded import stack as embedded
from streams.embedded.ports import free_ports, with_free_ports
from streams.embedded.settings import read_settings

HOST = "127.0.0.1"
USER = "ledger"
PASSWORD = "correct-horse"  # noqa: S105 - of a broker that lives as long as a test
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_CHECKOUT = Path(__file__).resolve().parents[2]
_PROTOCOLS = {"USERS": "SASL_PLAINTEXT", "BOTH": "SASL_SSL", "MUTUAL": "SSL"}
_SECONDS = 60


class Certificate(NamedTuple):
    """A certificate that vouches for itself and for 127.0.0.1, its key, and both in one file, as Kafka wants them."""

    certificate: Path
    key: Path
    whole: Path


class SecuredKafka(NamedTuple):
    """The addresses of one broker, by how they are spoken to, and the certificate that it has and trusts."""

    open: str
    users: str
    both: str
    mutual: str
    certificate: Certificate

    def as_user(self, mechanism: str, *, password: str = PASSWORD) -> Connection:
        """Come as the user, in the open."""
        security = KafkaSecurity(protocol="sasl-plaintext", mechanism=mechanism, user=USER, password=password)
        return Connection.to(self.users, security=security)

    def as_user_by_tls(self, mechanism: str, *, ca_file: Path | None = None) -> Connection:
        """Come as the user, by TLS."""
        ca_file = ca_file or self.certificate.certificate
        security = KafkaSecurity(protocol="sasl-tls", ca_file=ca_file, mechanism=mechanism, user=USER, password=PASSWORD)
        return Connection.to(self.both, security=security)

    def by_certificate(self) -> Connection:
        """Come by TLS, and show a certificate."""
        certificate, key, _ = self.certificate
        security = KafkaSecurity(protocol="tls", ca_file=certificate, certificate_file=certificate, key_file=key)
        return Connection.to(self.mutual, security=security)


def make_certificate(folder: Path) -> Certificate:
    """Make a certificate with the `openssl` of this machine."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem", folder / "whole.pem")
    program = shutil.which("openssl")
    assert program is not None, "whoever needs a certificate has looked for openssl"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", made.key, "-out", made.certificate]
    subprocess.run([program, *request, *subject], check=True, capture_output=True, timeout=_SECONDS)
    made.whole.write_text(made.key.read_text() + made.certificate.read_text())
    return made


@contextlib.contextmanager
def secured_kafka_running(data_folder: Path) -> Iterator[SecuredKafka]:
    """Run a Kafka with a listener for users, one for users by TLS, and one by TLS for those who show a certificate."""
    settings = with_free_ports(read_settings(os.environ))
    data_folder.mkdir(parents=True)
    certificate = make_certificate(data_folder)
    addresses = [f"{HOST}:{port}" for port in free_ports(len(_PROTOCOLS))]
    with embedded.held_stack(settings, data_folder=data_folder / "stack", environment=os.environ) as stack:
        kafka = embedded._kafka_part(stack, cache_folder=_CHECKOUT / ".cache", console=Console(stderr=True))
        entries = _entries(addresses, certificate, open_port=settings.kafka_port, control_port=settings.kafka_controller_port)
        overrides = [argument for entry in entries for argument in ("--override", entry)]
        stack.start_part(kafka._replace(command=(*kafka.command, *overrides)))
        stack.wait_for_parts()
        _add_user(kafka.command, stack.bootstrap_servers)
        yield SecuredKafka(stack.bootstrap_servers, *addresses, certificate)


def _entries(addresses: list[str], certificate: Certificate, *, open_port: int, control_port: int) -> list[str]:
    """Give the broker's configuration, as far as it differs from that of the embedded stack."""
    named = [f"{name}://{address}" for name, address in zip(_PROTOCOLS, addresses, strict=True)]
    public = ",".join([f"PLAINTEXT://{HOST}:{open_port}", *named])
    protocols = ",".join(f"{name}:{protocol}" for name, protocol in _PROTOCOLS.items())
    entries = [
        f"listeners={public},CONTROLLER://{HOST}:{control_port}",
        f"advertised.listeners={public}",
        f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={certificate.whole}",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={certificate.certificate}",
        "listener.name.mutual.ssl.client.auth=required",
    ]
    security = "org.apache.kafka.common.security"
    plain = f'{security}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    scram = f"{security}.scram.ScramLoginModule required;"
    for name in ("users", "both"):
        entries.append(f"listener.name.{name}.sasl.enabled.mechanisms={','.join(MECHANISMS)}")
        for mechanism in MECHANISMS:
            module = plain if mechanism == "PLAIN" else scram
            entries.append(f"listener.name.{name}.{mechanism.lower()}.sasl.jaas.config={module}")
    return entries


def _add_user(command: tuple[str, ...], servers: str) -> None:
    """Let the brokers know the user by SCRAM, as an operator does it: one mechanism after the other."""
    java = command[: command.index("kafka.Kafka")]
    tool = ["kafka.admin.ConfigCommand", "--bootstrap-server", servers, "--alter", "--entity-type", "users"]
    for mechanism in MECHANISMS:
        if mechanism != "PLAIN":
            entry = f"{mechanism}=[password={PASSWORD}]"
            asked = [*java, *tool, "--entity-name", USER, "--add-config", entry]
            done = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=_SECONDS)
            assert done.returncode == 0, done.stdout + done.stderr
