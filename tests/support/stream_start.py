"""Starting a stream: Kafka and ClickHouse with ports and data of their own, and a way to Kafka that leads through a proxy."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from streams.embedded import stack as embedded
from streams.embedded.ports import HOST, free_ports, with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack
from streams.kafka.topics import ensure_topics
from tests.support.fault_report import Report
from tests.support.feed import make_feed
from tests.support.stream_harness import PARTITION_COUNT, Stream

CHECKOUT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def stream_running(data_folder: Path, *, record_count: int, report: Report) -> Iterator[Stream]:
    """Run a stream without any worker or sink yet, until the block is left."""
    settings = with_free_ports(read_settings(os.environ))
    proxied_port, proxy_port = free_ports(2)
    feed = make_feed(seed=report.seed, record_count=record_count, partition_count=PARTITION_COUNT)
    with embedded.held_stack(settings, data_folder=data_folder, environment=os.environ) as stack:
        _start(stack, proxied_port=proxied_port, proxy_port=proxy_port)
        asyncio.run(ensure_topics([stack.bootstrap_servers], partition_count=PARTITION_COUNT, replication_factor=1))
        yield Stream(stack, feed=feed, report=report, proxied_port=proxied_port, proxy_port=proxy_port)


def _start(stack: Stack, *, proxied_port: int, proxy_port: int) -> None:
    """Start ClickHouse, and Kafka with a second port, of which it says that it is to be reached at the proxy's."""
    port, controller_port = stack.settings.kafka_port, stack.settings.kafka_controller_port
    overrides = {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port},PROXIED://{HOST}:{proxied_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{proxy_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
    }
    arguments = itertools.chain.from_iterable(("--override", f"{name}={value}") for name, value in overrides.items())
    kafka = embedded._kafka_part(stack, cache_folder=CHECKOUT / ".cache", console=Console(stderr=True))
    stack.start_part(kafka._replace(command=(*kafka.command, *arguments)))
    stack.start_part(embedded._clickhouse_part(stack))
    stack.wait_for_parts()
