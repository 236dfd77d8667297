"""Where settings are given: environment variables, and the TOML file that one of them names.

What no setting is called is refused in the file, which only we read, but only warned of in the environment: Kubernetes puts
variables there that are named after the services of a namespace, such as CREDITS_SINK_SERVICE_HOST.
"""

import difflib
import functools
import logging
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import SettingsError
from streams.settings.declared import KINDS
from streams.settings.declaring import Setting, settings_of

SETTINGS_FILE = "CREDITS_SETTINGS"
"""The variable that names the file."""
SETTINGS: dict[str, Setting[Any]] = {setting.name: setting for kind in KINDS for setting in settings_of(kind).values()}
"""Every setting by its name."""

_BEFORE_AN_AT = re.compile(r"//[^/]*@")
_PREFIX = "CREDITS_"
_LOGGER = logging.getLogger(__name__)


class Given(NamedTuple):
    """The text that is given for a setting, and the file that gives it; None for the environment."""

    text: str
    file: Path | None = None


def given_texts(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the text of each setting that is set, by its name; an empty one counts as not set.

    Raises SettingsError for a file that cannot be used.
    """
    return {name: given.text for name, given in given_settings(environment).items()}


def given_settings(environment: Mapping[str, str]) -> dict[str, Given]:
    """Give what is given for each setting that is set, by its name: the environment wins over the file.

    Raises SettingsError for a file that cannot be read, is no TOML, or names what is no setting.
    """
    file = environment.get(SETTINGS_FILE, "").strip()
    given = {name: Given(text.strip()) for name, text in environment.items() if name in SETTINGS and text.strip()}
    return {**_given_by(Path(file)), **given} if file else given


def with_whole_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment for a child that runs in another folder, where the file would not be found by a relative path."""
    file = environment.get(SETTINGS_FILE, "").strip()
    return {**environment, SETTINGS_FILE: str(Path(file).absolute())} if file else dict(environment)


def warn_of_unknown(environment: Mapping[str, str]) -> None:
    """Warn of each variable that is named like a setting and is none, once in the life of the process."""
    for name in environment:
        if name.startswith(_PREFIX) and name not in SETTINGS and name != SETTINGS_FILE:
            _warn_of(name)


def bad(setting: Setting[Any], shown: object, file: Path | None) -> SettingsError:
    """Give the error that names a setting, its value and where it is given, what would be right, and the effect."""
    return SettingsError(
        f"{setting.name} is {_value(setting, shown, file)}; it must be {setting.form.right} ({setting.effect})"
    )


def unsuitable(setting: Setting[Any], given: Given | None, detail: str) -> SettingsError:
    """Give the error that names a setting that will not do with the others, and says in which way."""
    value = "not set" if given is None else _value(setting, given.text, given.file)
    return SettingsError(f"{setting.name} is {value}; it {detail} ({setting.effect})")


def _value(setting: Setting[Any], shown: object, file: Path | None) -> str:
    """Say what a setting has been given, unless it is secret, and where."""
    # What stands before the @ of an address may be a password, put where none belongs.
    text = "(hidden)" if setting.secret else _BEFORE_AN_AT.sub("//(hidden)@", repr(shown))
    return text + ("" if file is None else f" in {file}")


def _given_by(file: Path) -> dict[str, Given]:
    entries = _read_toml(file)
    unknown = [f"{name}{_meant(name, SETTINGS)}" for name in entries if name not in SETTINGS]
    if unknown:
        raise SettingsError(f"{file} sets what is no setting: {', '.join(unknown)}")
    texts = {name: _text_of(SETTINGS[name], value, file).strip() for name, value in entries.items()}
    return {name: Given(text, file) for name, text in texts.items() if text}


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{SETTINGS_FILE} is '{file}', which cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{SETTINGS_FILE} is '{file}', which is no TOML: {error}") from error


def _text_of(setting: Setting[Any], value: object, file: Path) -> str:
    """Give a text of the file as it is and a whole number in digits; neither true, 1.5 nor a list is ever a setting."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise bad(setting, value, file)
    return str(value)


@functools.cache
def _warn_of(name: str) -> None:
    _LOGGER.warning("%s is set, which is no setting%s", name, _meant(name, (*SETTINGS, SETTINGS_FILE)))


def _meant(name: str, known: Iterable[str]) -> str:
    """Say which of the known names was meant, where one is much alike."""
    # What all names begin with says nothing of how much alike two are.
    ends = [end.removeprefix(_PREFIX) for end in known]
    alike = difflib.get_close_matches(name.upper().removeprefix(_PREFIX), ends, n=1, cutoff=0.7)
    return f" (is {_PREFIX}{alike[0]} meant?)" if alike else ""
