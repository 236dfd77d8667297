"""How Kafka is spoken to: what goes together, and the one sentence for what does not."""

import shutil
import ssl
from pathlib import Path

import pytest

from creditstream import Connection, KafkaSecurity
from creditstream.connection import IN_THE_OPEN, connection_of
from schemas.errors import SettingsError
from streams.embedded.elsewhere import refuse_secured
from streams.settings import read_sink_settings, read_worker_settings
from tests.support.secured_kafka import make_certificate

USER = {
    "CREDITS_KAFKA_SECURITY": "sasl-plaintext",
    "CREDITS_KAFKA_SASL_MECHANISM": "PLAIN",
    "CREDITS_KAFKA_USER": "ledger",
    "CREDITS_KAFKA_PASSWORD": "correct-horse",
}


def test_without_settings_brokers_are_spoken_to_in_the_open():
    """A laptop needs none of it."""
    connection = read_worker_settings({}).kafka
    assert connection == Connection(("127.0.0.1:19092",), IN_THE_OPEN)
    assert connection.arguments() == {"bootstrap_servers": ["127.0.0.1:19092"], "security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("brokers", ["a:1, b:2", ["a:1", "b:2"], ["a:1,b:2"], Connection(("a:1", "b:2"))])
def test_brokers_are_named_in_any_way(brokers):
    """One text, a list, or a connection: as a text they are their addresses."""
    assert str(connection_of(brokers)) == "a:1,b:2"


def test_worker_and_sink_come_as_the_same_user():
    """The password reaches Kafka's client, and is shown nowhere."""
    for settings in (read_worker_settings(USER), read_sink_settings(USER)):
        assert settings.kafka.arguments() == {
            "bootstrap_servers": ["127.0.0.1:19092"],
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": "ledger",
            "sasl_plain_password": "correct-horse",
        }
        assert "correct-horse" not in f"{settings!r} {settings.kafka!r} {settings.kafka}"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"CREDITS_KAFKA_SECURITY": "ssl"}, "CREDITS_KAFKA_SECURITY is 'ssl'; it must be one of plaintext, tls, sasl"),
        ({"CREDITS_KAFKA_SASL_MECHANISM": "GSSAPI"}, "CREDITS_KAFKA_SASL_MECHANISM is 'GSSAPI'; it must be one of PLAIN,"),
        ({"CREDITS_KAFKA_SASL_MECHANISM": ""}, "CREDITS_KAFKA_SASL_MECHANISM is not set; it must be given with sasl-plain"),
        ({"CREDITS_KAFKA_USER": ""}, "CREDITS_KAFKA_USER is not set; it must be given with sasl-plaintext ("),
        ({"CREDITS_KAFKA_PASSWORD": ""}, "CREDITS_KAFKA_PASSWORD is not set; it must be given with sasl-plaintext ("),
        (
            {"CREDITS_KAFKA_SECURITY": ""},
            "CREDITS_KAFKA_SASL_MECHANISM is 'PLAIN'; it must not be given with plaintext, which knows no users (",
        ),
        (
            {"CREDITS_KAFKA_SECURITY": "", "CREDITS_KAFKA_SASL_MECHANISM": "", "CREDITS_KAFKA_USER": ""},
            "CREDITS_KAFKA_PASSWORD is (hidden); it must not be given with plaintext, which knows no users (",
        ),
        (
            {"CREDITS_KAFKA_CA_FILE": __file__},
            f"CREDITS_KAFKA_CA_FILE is '{__file__}'; it must not be given with sasl-plaintext, which uses no certificates (",
        ),
        (
            {"CREDITS_KAFKA_SECURITY": "sasl-tls", "CREDITS_KAFKA_CA_FILE": "/nowhere.pem"},
            "CREDITS_KAFKA_CA_FILE is '/nowhere.pem'; it must be the path of a file that is there (",
        ),
        (
            {"CREDITS_KAFKA_SECURITY": "sasl-tls", "CREDITS_KAFKA_CA_FILE": __file__},
            f"CREDITS_KAFKA_CA_FILE is '{__file__}'; it must hold certificates in PEM (",
        ),
        (
            {"CREDITS_KAFKA_SECURITY": "sasl-tls", "CREDITS_KAFKA_CERTIFICATE_FILE": __file__},
            "CREDITS_KAFKA_KEY_FILE is not set; it must be given, since certificate and key come together (",
        ),
        (
            {"CREDITS_KAFKA_SECURITY": "sasl-tls", "CREDITS_KAFKA_KEY_FILE": __file__},
            "CREDITS_KAFKA_CERTIFICATE_FILE is not set; it must be given, since certificate and key come together (",
        ),
        (
            {
                "CREDITS_KAFKA_SECURITY": "sasl-tls",
                "CREDITS_KAFKA_KEY_FILE": __file__,
                "CREDITS_KAFKA_CERTIFICATE_FILE": __file__,
            },
            f"CREDITS_KAFKA_CERTIFICATE_FILE is '{__file__}'; it must go with the key, both in PEM and without passphrase (",
        ),
    ],
)  # fmt: skip
def test_what_does_not_go_together_stops_the_start(changed, sentence):
    """The setting that is at fault is named, its value where that is no secret, and what would be right."""
    for read in (read_worker_settings, read_sink_settings):
        with pytest.raises(SettingsError) as caught:
            read({**USER, **changed})
        assert str(caught.value).startswith(sentence)
        assert "correct-horse" not in str(caught.value)


def test_the_client_library_says_the_same_of_its_own_fields():
    """There it is a field of a KafkaSecurity that is named."""
    with pytest.raises(SettingsError, match=r"^the user of KafkaSecurity must be given with sasl-tls$"):
        KafkaSecurity(protocol="sasl-tls", mechanism="PLAIN", password="secret").arguments()  # noqa: S106 - of nobody
    with pytest.raises(SettingsError, match=r"^the protocol of KafkaSecurity must be one of plaintext, tls, "):
        KafkaSecurity(protocol="SSL").arguments()


def test_a_certificate_is_shown_and_others_are_checked(tmp_path: Path):
    """By TLS the broker's name and certificate are always checked, and the own certificate goes with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("a certificate is made with openssl, which is not there")
    certificate, key, _ = make_certificate(tmp_path)
    security = KafkaSecurity(protocol="tls", ca_file=certificate, certificate_file=certificate, key_file=key)
    context = security.arguments()["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_a_stack_that_starts_kafka_speaks_to_it_in_the_open():
    """Settings for brokers that run elsewhere, without the brokers, are no start that cannot come to an end."""
    refuse_secured({})
    with pytest.raises(SettingsError, match=r"^CREDITS_KAFKA_SECURITY is 'sasl-plaintext', and a Kafka that is started here"):
        refuse_secured(USER)
