"""Reading the settings of a kind of process: every one of them, or one sentence on the first that will not do."""

from collections.abc import Mapping
from typing import Any, TypeVar

from streams.settings.declared import KafkaSettings, RegistrySettings, SinkSettings, WorkerSettings
from streams.settings.declaring import Setting, settings_of
from streams.settings.sources import Given, bad, given_settings, unsuitable, warn_of_unknown

Settings = TypeVar("Settings")


def read(kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """Read the settings of one settings class from environment variables and the file that CREDITS_SETTINGS names.

    One that is empty counts as not set; blanks around it do not count. A variable that is named like a setting and is none is
    warned of. Raises SettingsError naming a setting that will not do, or not with the others, its value (hidden for a
    secret), what would be right and the effect; also for a file that cannot be read, is no TOML, or sets what is no setting.
    """
    warn_of_unknown(environment)
    given = given_settings(environment)
    values = {field: _value_of(setting, given.get(setting.name)) for field, setting in settings_of(kind).items()}
    made = kind(**values)
    if isinstance(made, KafkaSettings):
        _check_security(made, given)
    if isinstance(made, RegistrySettings):
        _check_registry(made, given)
    return made


def read_worker_settings(environment: Mapping[str, str]) -> WorkerSettings:
    """Read the settings of a worker; for what is read and raised, see `read`."""
    return read(WorkerSettings, environment)


def read_sink_settings(environment: Mapping[str, str]) -> SinkSettings:
    """Read the settings of a sink; for what is read and raised, see `read`."""
    return read(SinkSettings, environment)


def _check_security(made: KafkaSettings, given: Mapping[str, Given]) -> None:
    """Refuse settings of Kafka of which each will do, and all together will not."""
    fault = made.kafka.security.fault()
    if fault is not None:
        setting = settings_of(type(made))[f"kafka_{fault.field}"]
        raise unsuitable(setting, given.get(setting.name), fault.detail)


def _check_registry(made: RegistrySettings, given: Mapping[str, Given]) -> None:
    """Refuse a user without a registry, and a password without user or a user without password."""
    settings = settings_of(type(made))
    url, user, password = (settings[name] for name in ("registry_url", "registry_user", "registry_password"))
    for part, value, rest, rest_value in (
        (user, made.registry_user, url, made.registry_url),
        (password, made.registry_password, user, made.registry_user),
        (user, made.registry_user, password, made.registry_password),
    ):
        if value and not rest_value:
            raise unsuitable(part, given.get(part.name), f"must not be given without {rest.name}")


def _value_of(setting: Setting[Any], given: Given | None) -> Any:
    text, file = given or Given(setting.default)
    try:
        return setting.form.read(text)
    except ValueError as error:
        raise bad(setting, text, file) from error
