"""Looks around every two seconds, for what the work itself does not tell: whether ClickHouse answers, and the lag."""

import asyncio
import logging

from aiokafka.errors import KafkaError
from clickhouse_connect.driver.client import Client

from streams.metrics import SinkMetrics
from streams.sink.health import Health
from streams.sink.reading import Reader

_log = logging.getLogger("streams.sink")

_LOOK_SECONDS = 2


async def watch(client: Client, reader: Reader, metrics: SinkMetrics, health: Health) -> None:
    """Ask ClickHouse whether it answers, and Kafka where the topics end, for ever."""
    while True:
        health.clickhouse_answers = await asyncio.to_thread(client.ping)
        metrics.clickhouse_up.set(health.clickhouse_answers)
        try:
            for topic, record_count in (await reader.lag()).items():
                metrics.lag_records.labels(topic).set(record_count)
        except KafkaError as error:
            _log.debug("Kafka does not say where the topics end: %r", error)
        await asyncio.sleep(_LOOK_SECONDS)
