"""The settings of the embedded stack say what is wrong with a value, and by which name it was given."""

import socket

import pytest

from schemas.errors import SettingsError
from streams.embedded.ports import HOST, check_ports_free, with_free_ports
from streams.embedded.settings import JAVA, PORTS, EmbeddedSettings, read_settings
from streams.settings import settings_of


def test_without_any_setting_the_defaults_hold():
    """An empty environment, or empty variables, give the defaults."""
    assert read_settings({}) == EmbeddedSettings()
    assert read_settings({"CREDITS_KAFKA_PORT": " ", "CREDITS_JAVA": ""}) == EmbeddedSettings()


def test_every_setting_fills_its_field():
    """Each declared name changes the field that it is declared for, and no other; Java and every port are among them."""
    names = {field: setting.name for field, setting in settings_of(EmbeddedSettings).items()}
    for field, name in names.items():
        set_to = read_settings({name: "43" if field == "workers" else "1234"})
        assert [other for other in names if getattr(set_to, other) != getattr(EmbeddedSettings(), other)] == [field]
    assert PORTS.items() | {("java", JAVA)} <= names.items()
    assert read_settings({"CREDITS_JAVA": "/opt/java"}).java == "/opt/java"


@pytest.mark.parametrize("value", ["0", "65536", "80", "-1", "1e4", "9092.0", "١٢٣٤٥", "kafka", "1" * 5000])
def test_a_bad_value_is_named_with_what_would_be_right(value):
    """The sentence has the name, the value and the limits."""
    with pytest.raises(SettingsError, match=r"CREDITS_KAFKA_PORT is '.+'; it must be a whole number from 1024 to 65535 \(port"):
        read_settings({"CREDITS_KAFKA_PORT": value})


def test_two_settings_cannot_name_one_port():
    """A port that equals another one's default is refused as well."""
    with pytest.raises(SettingsError, match="CREDITS_KAFKA_PORT and CREDITS_CLICKHOUSE_PORT are both 18123"):
        read_settings({"CREDITS_KAFKA_PORT": "18123"})


def test_a_port_in_use_is_named_with_its_setting():
    """The sentence says which port, and which setting changes it."""
    settings = with_free_ports(EmbeddedSettings())
    check_ports_free(settings)
    with socket.create_server((HOST, settings.clickhouse_port)):
        sentence = f"port {settings.clickhouse_port} is in use by another program; set CREDITS_CLICKHOUSE_PORT to a free one"
        with pytest.raises(SettingsError, match=sentence):
            check_ports_free(settings)
