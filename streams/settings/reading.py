"""Reading the settings of a kind of process: every one of them, or one sentence on the first that will not do."""

from collections.abc import Mapping
from typing import Any, TypeVar

from streams.settings.declared import SinkSettings, WorkerSettings
from streams.settings.declaring import Setting, settings_of
from streams.settings.sources import Given, bad, given_settings, warn_of_unknown

Settings = TypeVar("Settings")


def read(kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """Read the settings of one settings class from environment variables and the file that CREDITS_SETTINGS names.

    One that is empty counts as not set; blanks around it do not count. A variable that is named like a setting and is none is
    warned of. Raises SettingsError naming a setting that will not do, its value (hidden for a secret), what would be right and
    the effect; also for a file that cannot be read, is no TOML, or sets what is no setting.
    """
    warn_of_unknown(environment)
    given = given_settings(environment)
    values = {field: _value_of(setting, given.get(setting.name)) for field, setting in settings_of(kind).items()}
    return kind(**values)


def read_worker_settings(environment: Mapping[str, str]) -> WorkerSettings:
    """Read the settings of a worker; for what is read and raised, see `read`."""
    return read(WorkerSettings, environment)


def read_sink_settings(environment: Mapping[str, str]) -> SinkSettings:
    """Read the settings of a sink; for what is read and raised, see `read`."""
    return read(SinkSettings, environment)


def _value_of(setting: Setting[Any], given: Given | None) -> Any:
    text, file = given or Given(setting.default)
    try:
        return setting.form.read(text)
    except ValueError as error:
        raise bad(setting, text, file) from error
