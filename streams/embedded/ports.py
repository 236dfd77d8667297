"""Ports on the loopback address: whether one is free, and some that are."""

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import replace

from schemas.errors import SettingsError
from streams.embedded.settings import PORTS, EmbeddedSettings

HOST = "127.0.0.1"


def check_ports_free(settings: EmbeddedSettings) -> None:
    """Raise `SettingsError` naming port and setting when a port of the stack is taken by another program."""
    fields: Mapping[str, str] = PORTS
    for field, name in fields.items():
        port: int = getattr(settings, field)
        with socket.socket() as probe:
            # A port whose connections were closed a moment ago is free for a server; without this it would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise SettingsError(f"port {port} is in use by another program; set {name} to a free one") from error


def with_free_ports(settings: EmbeddedSettings) -> EmbeddedSettings:
    """Give the settings with every port replaced by one that is free now; for tests, which run beside other stacks."""
    with contextlib.ExitStack() as held:
        ports = {}
        for field in PORTS:
            probe = held.enter_context(socket.socket())
            probe.bind((HOST, 0))
            ports[field] = probe.getsockname()[1]
    return replace(settings, **ports)
