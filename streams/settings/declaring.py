"""What a setting is, and how a field of a settings class is declared to be filled by one.

Why this is no pydantic model: a setting is read from a mapping that is handed in, a number is nothing but digits (pydantic also
takes 8.0 and 1_000), and a bad one is told in one sentence of ours that keeps a secret. Each of the three would need code
around the library that is as long as what stands here.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Generic

from streams.settings.forms import Form, Value

_SETTING = "setting"


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One setting: its variable, the form of its text, its default as text, its effect, its unit (empty where it has none).

    The value of a `secret` one is never shown.
    """

    name: str
    form: Form[Value]
    default: str
    effect: str
    unit: str = ""
    secret: bool = False


def filled_by(setting: Setting[Value]) -> Value:
    """Declare a field of a settings class to have the value of this setting, by default the setting's default."""
    return field(default=setting.form.read(setting.default), repr=not setting.secret, metadata={_SETTING: setting})


def settings_of(kind: type[Any]) -> dict[str, Setting[Any]]:
    """Give the setting of each field of a settings class, in the order of their declaration."""
    return {declared.name: declared.metadata[_SETTING] for declared in fields(kind)}
