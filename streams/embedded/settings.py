"""The settings of the embedded stack; they are declared among all others in `streams.settings`."""

from collections.abc import Mapping

from schemas.errors import SettingsError
from streams.settings import EmbeddedSettings, read, settings_of

__all__ = ["JAVA", "PORTS", "EmbeddedSettings", "read_settings"]

_NAMES = {field: setting.name for field, setting in settings_of(EmbeddedSettings).items()}

JAVA = _NAMES["java"]
"""The setting that names the Java to run Kafka with."""
PORTS = {field: _NAMES[field] for field in ("kafka_port", "kafka_controller_port", "clickhouse_port")}
"""The fields that are ports, and the settings that change them."""


def read_settings(environment: Mapping[str, str]) -> EmbeddedSettings:
    """Read the settings of the embedded stack; for what is read and raised, see `streams.settings.read`.

    Raises SettingsError also when two ports are the same.
    """
    settings = read(EmbeddedSettings, environment)
    _check_ports_differ(settings)
    return settings


def _check_ports_differ(settings: EmbeddedSettings) -> None:
    """Refuse two settings that name one port."""
    taken: dict[int, str] = {}
    for field, name in PORTS.items():
        port: int = getattr(settings, field)
        if port in taken:
            raise SettingsError(f"{taken[port]} and {name} are both {port}; they must differ")
        taken[port] = name
