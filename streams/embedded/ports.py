"""Ports: whether one is free, some that are, and those beside a first one."""

import contextlib
import errno
import itertools
import socket
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from schemas.errors import SettingsError
from streams.embedded.settings import PORTS, EmbeddedSettings

HOST = "127.0.0.1"
_PORT_MAX = 65535


def check_ports_free(settings: EmbeddedSettings, *, fields: Iterable[str] = tuple(PORTS)) -> None:
    """Raise `SettingsError` naming port and setting when one of these ports of the stack is taken by another program."""
    for field in fields:
        check_port_free(getattr(settings, field), setting=PORTS[field])


def check_port_free(port: int, *, setting: str, host: str = HOST) -> None:
    """Raise `SettingsError` naming port and setting when a port is taken by another program, or cannot be had at all."""
    try:
        ((family, _, _, _, address), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family) as probe:
            # A port whose connections were closed a moment ago is free for a server; without this it would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise SettingsError(f"nothing can listen at {host}, port {port} ({error.strerror}); {setting} sets it") from error
        raise SettingsError(f"port {port} is in use by another program; set {setting} to a free one") from error


def ports_beside(first: int, *, count: int, taken: Collection[int], setting: str) -> list[int]:
    """Give so many ports from the first one on, leaving out those that are taken; any that are free where the first is 0.

    Raises `SettingsError` naming the setting where there are not so many.
    """
    if first == 0:
        return free_ports(count)
    ports = list(itertools.islice((port for port in range(first, _PORT_MAX + 1) if port not in taken), count))
    if len(ports) < count:
        raise SettingsError(f"{setting} is {first}; {count} ports are needed from there on, and the last is {_PORT_MAX}")
    return ports


def free_ports(count: int) -> list[int]:
    """Give so many ports on the loopback address that are free now."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            probe = held.enter_context(socket.socket())
            probe.bind((HOST, 0))
            ports.append(probe.getsockname()[1])
    return ports


def with_free_ports(settings: EmbeddedSettings) -> EmbeddedSettings:
    """Give the settings with every port replaced by one that is free now; for tests, which run beside other stacks."""
    ports: dict[str, Any] = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    return replace(settings, **ports)
