"""Running a sink: what `credits sink` does with its settings.

SIGTERM and SIGINT end it with exit code 0. What it cannot go on with ends it with another exit code, for its supervisor to
start it anew.
"""

import asyncio
import logging
import os
import signal
from typing import NoReturn

from prometheus_client import CollectorRegistry

from schemas.catalog import Catalog
from streams.files import read_set_catalog
from streams.kafka.topics import GENERATION
from streams.logs import log_to_stderr
from streams.metrics import SinkMetrics
from streams.settings import SinkSettings
from streams.sink.carrying import Carrier
from streams.sink.health import Health
from streams.sink.web import serving

_log = logging.getLogger("streams.sink")


def sink_group(generation: int) -> str:
    """Give the name of the sinks' consumer group; its committed offsets tell what is visible in ClickHouse."""
    return f"credits-sink-{generation}"


def run_sink(settings: SinkSettings) -> NoReturn:
    """Carry rows from the output topics to ClickHouse until SIGTERM or SIGINT, which end the process with 0.

    Raises SettingsError where a setting, the catalog or a migration cannot be used, and TransientError where no Kafka answers.
    """
    catalog = read_set_catalog(settings.catalog)
    log_to_stderr(settings.log_level)
    asyncio.run(_run_until_signalled(settings, catalog))


async def _run_until_signalled(settings: SinkSettings, catalog: Catalog) -> NoReturn:
    registry, health = CollectorRegistry(), Health()
    carrier = Carrier(
        settings,
        catalog=catalog,
        group=sink_group(GENERATION),
        generation=GENERATION,
        metrics=SinkMetrics(registry),
        health=health,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, carrier.stop)
    async with serving(settings.web_host, settings.web_port, registry=registry, health=health) as port:
        _log.info("metrics are at http://%s:%d/metrics", settings.web_host, port)
        await carrier.carry()
    # A request that ClickHouse leaves unanswered would keep the process alive; what it was to take is not committed.
    os._exit(0)
