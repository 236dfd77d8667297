"""The settings of a worker: what they are without any, and what is said of a bad one."""

from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.settings import SETTINGS, Setting, WorkerSettings, _value_of, read_worker_settings


def test_every_field_has_one_declared_setting():
    """The table declares each field of the settings exactly once, with a name of the project's own and a meaning."""
    assert [setting.field for setting in SETTINGS] == list(WorkerSettings.__dataclass_fields__)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.name.startswith("CREDITS_") and setting.meaning and setting.right for setting in SETTINGS)


def test_defaults_are_those_of_a_laptop():
    """Without any variable a worker finds the embedded broker and begins with one partition; empty counts as not set."""
    settings = read_worker_settings({"CREDITS_PARTITION_COUNT": "  "})
    assert settings.brokers == ("127.0.0.1:19092",)
    assert settings.catalog == Path("catalog.toml")
    assert settings.partition_count == 8
    assert settings.member_name is None


def test_all_can_be_set():
    """Several brokers, a member's name and numbers are read as what they are."""
    settings = read_worker_settings(
        {"CREDITS_KAFKA_BROKERS": "a:9092, b:9093", "CREDITS_MEMBER_NAME": "w-1", "CREDITS_PARTITION_COUNT": "64"}
    )
    assert (settings.brokers, settings.member_name, settings.partition_count) == (("a:9092", "b:9093"), "w-1", 64)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("CREDITS_KAFKA_BROKERS", "kafka", "addresses such as kafka1:9092,kafka2:9092"),
        ("CREDITS_KAFKA_BROKERS", "kafka:70000", "addresses"),
        ("CREDITS_PARTITION_COUNT", "0", "a whole number from 1 to 1024"),
        ("CREDITS_PARTITION_COUNT", "eight", "a whole number from 1 to 1024"),
        ("CREDITS_SESSION_SECONDS", "-6", "a whole number from 6 to 1800"),
        ("CREDITS_MEMBER_NAME", "a b", "letters, digits"),
        ("CREDITS_LOG_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_right(name, value, right):
    """The sentence names setting, value and what would be right."""
    with pytest.raises(SettingsError) as raised:
        read_worker_settings({name: value})
    sentence = str(raised.value)
    assert name in sentence
    assert repr(value) in sentence
    assert right in sentence


def test_a_secret_is_never_shown():
    """A secret with a bad value is named without the value."""
    secret = Setting("CREDITS_SOME_PASSWORD", "password", "", int, "a number", "a secret", secret=True)
    with pytest.raises(SettingsError) as raised:
        _value_of(secret, {secret.name: "hunter2"})
    assert "hunter2" not in str(raised.value)
    assert "(hidden)" in str(raised.value)
