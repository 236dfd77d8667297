"""The forms that the text of a setting may have: how each is read, and what would be right where it cannot be."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Generic, TypeVar

Value = TypeVar("Value")

_PORT_MAX = 65535
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-][A-Za-z0-9._-]*):(?P<port>[0-9]{1,5})")
_WEB_ADDRESS = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-][A-Za-z0-9._-]*)(?::[0-9]{1,5})?")
_URL = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-][A-Za-z0-9._-]*)(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
_MEMBER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Form(Generic[Value]):
    """A form: `read` gives the value of a text and raises ValueError for one that will not do; `right` says what would."""

    read: Callable[[str], Value]
    right: str


def whole_number(least: int, greatest: int) -> Form[int]:
    """Give the form of a whole number within limits, both inclusive, in ASCII digits."""

    def read(text: str) -> int:
        # No number in question has more digits, and int() of a very long text is refused in words of its own.
        if not re.fullmatch(r"[0-9]{1,15}", text) or not least <= int(text) <= greatest:
            raise ValueError
        return int(text)

    return Form(read, f"a whole number from {least} to {greatest}")


def path(right: str) -> Form[Path]:
    """Give the form of a path; whether something lies there is seen by whoever opens it."""
    return Form(lambda text: Path(_plain(text)), right)


def optional_path(right: str) -> Form[Path | None]:
    """Give the form of a path, where an empty text means none."""
    return Form(lambda text: Path(_plain(text)) if text else None, right)


def plain_text(right: str) -> Form[str]:
    """Give the form of any text without control characters; it may be empty."""
    return Form(_plain, f"{right}, without control characters")


def optional_text(right: str) -> Form[str | None]:
    """Give the form of a text without control characters, where an empty one means none."""
    return Form(lambda text: _plain(text) or None, right)


def one_of(*texts: str) -> Form[str]:
    """Give the form of one among these texts."""
    return Form(lambda text: texts[texts.index(text)], f"one of {', '.join(texts)}")


def optional_one_of(*texts: str) -> Form[str | None]:
    """Give the form of one among these texts, where an empty one means none."""
    return Form(lambda text: texts[texts.index(text)] if text else None, f"one of {', '.join(texts)}")


def _plain(text: str) -> str:
    if _CONTROL_CHARACTER.search(text):
        raise ValueError
    return text


def _matching(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError
    return match


def _brokers(text: str) -> tuple[str, ...]:
    addresses = tuple(address.strip() for address in text.split(","))
    for address in addresses:
        if not 0 < int(_matching(_BROKER, address)["port"]) <= _PORT_MAX:
            raise ValueError
    return addresses


def _listening_host(text: str) -> str:
    return str(ip_address(text)) if ":" in text else _matching(_HOST, text)[0]


def _web_address(text: str) -> str | None:
    return _matching(_WEB_ADDRESS, text)[0] if text else None


def _member_name(text: str) -> str | None:
    return _matching(_MEMBER_NAME, text)[0] if text else None


def _url(text: str) -> str | None:
    return _matching(_URL, text)[0].rstrip("/") if text else None


BROKERS = Form(_brokers, "addresses such as kafka1:9092,kafka2:9092")
HOST = Form(lambda text: _matching(_HOST, text)[0], "the name or address of a host, without port")
LISTENING_HOST = Form(_listening_host, "an address or a name of this machine, without port")
LISTENING_PORT = whole_number(0, _PORT_MAX)
MEMBER_NAME = Form(_member_name, "at most 100 letters, digits, '.', '_' and '-', the first one no '.'")
PORT = whole_number(1, _PORT_MAX)
UNPRIVILEGED_PORT = whole_number(1024, _PORT_MAX)
URL = Form(_url, "an address such as http://registry:8081, without user and password")
SWITCH = Form(lambda text: one_of("on", "off").read(text) == "on", "on or off")
WEB_ADDRESS = Form(_web_address, "an address such as http://worker-1:18080")
