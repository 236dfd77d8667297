"""Where a worker listens, where others reach it, and where it must not listen."""

import socket
from ipaddress import ip_address

from schemas.errors import SettingsError
from streams.settings import WorkerSettings

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - it is recognised here, not bound


def address_of(settings: WorkerSettings) -> str:
    """Give where other workers reach this one."""
    if settings.web_address is not None:
        return settings.web_address
    host = socket.getfqdn() if settings.web_host in _EVERY_ADDRESS else settings.web_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.web_port}"


def refuse_open_listening(settings: WorkerSettings) -> None:
    """Raise SettingsError where others than this machine could ask, and no tokens say who may."""
    if settings.tokens_file is None and not is_loopback(settings.web_host):
        raise SettingsError(
            f"CREDITS_WEB_HOST is {settings.web_host!r}, where other machines can ask, and CREDITS_TOKENS_FILE is not set; "
            "without tokens CREDITS_WEB_HOST must be 127.0.0.1, with them any address ('credits token new' makes one)"
        )


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address, an IPv6 one in brackets or not, is that of the machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:  # a name, of which nobody knows where it leads
        return False
