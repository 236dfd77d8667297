"""What can be set: each setting is declared once, with unit, default, limits and effect (docs/settings.md).

Settings come as environment variables and from a TOML file that CREDITS_SETTINGS names; the environment wins. They are read
from a mapping, so that the command line, a test and a container set things in one way.
"""

from streams.settings.declared import EmbeddedSettings, RegistrySettings, SinkSettings, WorkerSettings
from streams.settings.declaring import settings_of
from streams.settings.reading import read, read_sink_settings, read_worker_settings
from streams.settings.sources import given_texts, with_whole_path

__all__ = [
    "EmbeddedSettings",
    "RegistrySettings",
    "SinkSettings",
    "WorkerSettings",
    "given_texts",
    "read",
    "read_sink_settings",
    "read_worker_settings",
    "settings_of",
    "with_whole_path",
]
