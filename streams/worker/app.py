"""The composition root: `build` is the only place where settings, Faust, Kafka and the books meet. Nothing runs on import."""

import signal
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.types import TP
from prometheus_client import CollectorRegistry

from creditstream.connection import Connection
from creditstream.registry import Registry
from schemas import topics
from schemas.catalog import Catalog
from schemas.errors import SettingsError
from streams.api.server import WebServer
from streams.kafka.registered import RegisteredSchemas
from streams.kafka.topics import GROUP
from streams.metrics import WorkerMetrics
from streams.settings import WorkerSettings
from streams.worker.agents import add_agents
from streams.worker.batches import Batch
from streams.worker.channel import SteadyChannel
from streams.worker.clock import Clock
from streams.worker.opening import PartitionSettings
from streams.worker.partitions import Partitions
from streams.worker.store import StoreMemory
from streams.worker.tables import Tables
from streams.worker.transport import CopartitionedAssignor, PullingConsumer, PullingTransport, check_assignment
from streams.worker.watch import Watch

_QUEUED_BATCHES_MAX = 8


class _Boot(BootStrategy):
    """Starts Faust without its own producer, whose sends nobody awaits, and without its web server."""

    enable_kafka_producer = False

    def web_server(self) -> Iterable[Any]:
        """Run the worker's own server in the place of Faust's."""
        return [cast(CreditsApp, self.app).web_server_of_worker]


class CreditsApp(faust.App):
    """Faust's app with the pulling transport.

    `connection` is how its consumer reaches Kafka, `partitions` are the partition numbers that this worker holds, `kept` are
    the tables that its agents keep, `web_server_of_worker` answers over HTTP.
    """

    BootStrategy = _Boot
    mundane_level = "debug"
    connection: Connection
    partitions: Partitions
    kept: Tables
    web_server_of_worker: WebServer
    refusal: SettingsError | None = None

    def group(self) -> PullingConsumer:
        """Give the consumer, by which this worker is a member of its group."""
        return cast(PullingConsumer, self.consumer)

    def refuse(self, refusal: SettingsError) -> None:
        """End the worker, in order, because its settings do not go with its state; `refusal` says why."""
        self.refusal = refusal
        signal.raise_signal(signal.SIGTERM)

    def _new_transport(self) -> Any:
        return PullingTransport(self.conf.broker_consumer, self, inbox=self.partitions, connection=self.connection)

    def _new_producer_transport(self) -> Any:
        return PullingTransport(self.conf.broker_producer, self, inbox=self.partitions, connection=self.connection)

    def _create_directories(self) -> None:
        """Make no folder: Faust keeps nothing on disk here."""


def build(settings: WorkerSettings, catalog: Catalog) -> CreditsApp:
    """Put a worker together; it runs when a Faust worker starts it."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.topic_partitions.set(settings.partition_count)
    app = CreditsApp(
        GROUP,
        broker=";".join(f"kafka://{address}" for address in settings.brokers),
        store="memory://",
        topic_partitions=settings.partition_count,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        web_enabled=False,
        # The assignor insists that a member's address is that of its last assignment, and one that restarts may listen
        # elsewhere; nothing is routed by this.
        canonical_url="http://worker",
        web_router_enabled=False,
        web_tables_enabled=False,
        PartitionAssignor=CopartitionedAssignor,
        consumer_group_instance_id=settings.member_name,
        broker_max_poll_records=settings.batch_records,
        broker_session_timeout=settings.session_seconds,
        broker_heartbeat_interval=settings.session_seconds / 4,
        broker_request_timeout=max(30, settings.session_seconds + 5),
    )
    app.connection = settings.kafka
    # Bounded, so that no more is fetched than can be applied.
    batches = SteadyChannel(app, maxsize=_QUEUED_BATCHES_MAX)
    app.partitions = Partitions(
        PartitionSettings(
            brokers=settings.kafka,
            catalog=catalog,
            partition_count=settings.partition_count,
            batch_records=settings.batch_records,
            commit_seconds=settings.commit_milliseconds / 1000,
            uncommitted_records=settings.uncommitted_records,
            state_folder=settings.state_folder,
            store_memory=StoreMemory(
                cache_bytes=settings.state_cache_megabytes << 20, write_bytes=settings.state_write_megabytes << 20
            ),
            metrics=metrics,
            registered=RegisteredSchemas(None if settings.registry is None else Registry(settings.registry)),
        ),
        group=app.group,
        deliver_to=cast(Callable[[Batch], Awaitable[None]], batches.put),
        on_refused=app.refuse,
        on_bug=app.crash,
    )
    app.topics.add(app.topic(*topics.INPUT_TOPICS, key_type=bytes, value_type=bytes))
    app.kept = Tables(app.partitions, partition_count=settings.partition_count)
    add_agents(app, batches, app.partitions, queued_batches_max=_QUEUED_BATCHES_MAX)
    app.web_server_of_worker = WebServer(
        settings, catalog=catalog, partitions=app.partitions, metrics=metrics, registry=registry
    )
    _connect(app)
    _add_tasks(app, settings, metrics)
    return app


def _add_tasks(app: CreditsApp, settings: WorkerSettings, metrics: WorkerMetrics) -> None:
    """Let the app advise lag tools, tell of itself, and say the time."""
    watch = Watch(metrics, partitions=app.partitions, group=app.group)
    app.task(app.partitions.advise)
    app.task(watch.look)
    app.task(watch.feel_delay)
    app.task(watch.sweep)
    if settings.clock_enabled:
        clock = Clock(settings.kafka, opened=app.partitions.opened, group=app.group, metrics=metrics)
        app.task(clock.run)


def _connect(app: CreditsApp) -> None:
    """Let the partitions hear of rebalances and of the end."""

    async def on_assigned(*sent: Any, **_: Any) -> None:
        assigned: set[TP] = sent[-1]
        app.partitions.on_assigned(check_assignment(assigned, topics.INPUT_TOPICS))

    async def on_revoked(*_: Any, **__: Any) -> None:
        app.partitions.on_revoked()

    async def on_before_shutdown(*_: Any, **__: Any) -> None:
        await app.partitions.close_all()

    app.on_partitions_assigned.connect(on_assigned)
    app.on_partitions_revoked.connect(on_revoked)
    app.on_before_shutdown.connect(on_before_shutdown)
