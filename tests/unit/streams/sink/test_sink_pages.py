"""What a sink answers over HTTP, and what it says where it cannot."""

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from schemas.errors import SettingsError
from streams.metrics import SinkMetrics
from streams.sink.health import Health
from streams.sink.web import serving


def get(port: int, path: str) -> tuple[int, str, str]:
    """Give status, content type and body of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


async def get_aside(port: int, path: str) -> tuple[int, str, str]:
    return await asyncio.to_thread(get, port, path)


async def test_pages_tell_how_the_sink_is():
    """It lives as long as it answers; it is ready once ClickHouse answers, the tables are made and it is in the group."""
    registry, health = CollectorRegistry(), Health()
    SinkMetrics(registry).buffer_rows.set(7)
    async with serving("127.0.0.1", 0, registry=registry, health=health) as port:
        assert (await get_aside(port, "/healthz"))[0] == 200
        status, _, body = await get_aside(port, "/readyz")
        assert (status, json.loads(body)) == (
            503,
            {
                "ready": False,
                "reasons": [
                    "ClickHouse does not answer",
                    "the tables are not made yet",
                    "the group has given no partitions to this sink yet",
                ],
            },
        )
        health.clickhouse_answers = health.tables_are_made = health.is_member = True
        assert (await get_aside(port, "/readyz"))[::2] == (200, '{"ready": true, "reasons": []}')
        status, content_type, body = await get_aside(port, "/metrics")
        assert (status, content_type.partition(";")[0]) == (200, "text/plain")
        assert "\ncredits_sink_buffer_rows 7.0\n" in body


async def test_a_port_that_is_taken_is_said():
    """The sentence names both settings and the place."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = rf"^CREDITS_WEB_HOST and CREDITS_SINK_WEB_PORT are 127.0.0.1:{port}, where nobody can listen: [^\n]+$"
        with pytest.raises(SettingsError, match=sentence):
            async with serving("127.0.0.1", port, registry=CollectorRegistry(), health=Health()):
                pass
