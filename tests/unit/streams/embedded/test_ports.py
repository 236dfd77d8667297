"""Ports beside a first one, and what is said of one that cannot be had."""

import socket

import pytest

from schemas.errors import SettingsError
from streams.embedded.ports import HOST, check_port_free, check_ports_free, free_ports, ports_beside
from streams.embedded.settings import EmbeddedSettings


def test_ports_go_up_from_the_first_and_leave_out_what_is_taken():
    """The sink's port lies between those of two workers."""
    assert ports_beside(18080, count=3, taken={18081, 9}, setting="X") == [18080, 18082, 18083]


def test_the_first_port_0_stands_for_any_that_are_free():
    """They differ, and can be listened on."""
    ports = ports_beside(0, count=4, taken=(), setting="X")
    assert len(set(ports)) == 4
    for port in ports:
        check_port_free(port, setting="X")


def test_ports_that_there_are_not_are_named():
    """The sentence names the setting, and how many ports are needed."""
    with pytest.raises(SettingsError, match=r"^X is 65534; 3 ports are needed from there on, and the last is 65535$"):
        ports_beside(65534, count=3, taken=(), setting="X")


def test_a_port_in_use_is_told_from_an_address_that_is_not_here():
    """Both sentences name the setting."""
    with socket.create_server((HOST, 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(SettingsError, match=f"^port {port} is in use by another program; set X to a free one$"):
            check_port_free(port, setting="X")
    check_port_free(port, setting="X")
    with pytest.raises(SettingsError, match=rf"^nothing can listen at 192\.0\.2\.1, port {port} \(.+\); X sets it$"):
        check_port_free(port, setting="X", host="192.0.2.1")


def test_only_the_ports_that_are_asked_about_are_looked_at():
    """Where Kafka runs elsewhere, its ports here are nobody's business."""
    with socket.create_server((HOST, 0)) as held:
        settings = EmbeddedSettings(kafka_port=held.getsockname()[1], clickhouse_port=free_ports(1)[0])
        check_ports_free(settings, fields=("clickhouse_port",))
        with pytest.raises(SettingsError, match="CREDITS_KAFKA_PORT"):
            check_ports_free(settings, fields=("kafka_port", "clickhouse_port"))
