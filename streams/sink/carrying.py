"""The life of a sink: it makes the tables, joins the group, and carries rows until it is told to stop.

One task reads, one commits, one looks around, and one for each table inserts. An outage of ClickHouse is waited out for ever,
with a growing pause, while the reading goes on as far as the buffer reaches; one of Kafka likewise, once the sink was a member.
"""

import asyncio
import logging
from contextlib import suppress

from aiokafka.errors import KafkaError
from clickhouse_connect.driver.client import Client

from schemas.catalog import Catalog
from schemas.errors import TransientError
from streams.clickhouse import ClickHouseAddress, connect, migrate
from streams.metrics import SinkMetrics
from streams.settings import SinkSettings
from streams.sink.backoff import Backoff
from streams.sink.health import Health
from streams.sink.inserting import Inserting
from streams.sink.queues import Queues
from streams.sink.reading import Reader
from streams.sink.tasks import first_of
from streams.sink.watching import watch
from streams.sink.writing import Writer

_log = logging.getLogger("streams.sink")

_INSERTS_AT_ONCE = 2
"""Rows that are taken apart need several times the memory of their records: no more blocks than this are, at a time."""
_ANSWER_SECONDS = 30
_COMMIT_SECONDS = 5


class Carrier:
    """A sink of a generation, as a member of a group; `stop` asks it to end."""

    def __init__(  # noqa: PLR0913 - what it reads, what it writes by, and to whom it says how it goes
        self,
        settings: SinkSettings,
        *,
        catalog: Catalog,
        group: str,
        generation: int,
        metrics: SinkMetrics,
        health: Health,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._group = group
        self._generation = generation
        self._metrics = metrics
        self._health = health
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask it to end: what is being inserted is finished and committed, what was only read is left for the next time."""
        self._stop.set()

    async def carry(self) -> None:
        """Carry rows until `stop` is called.

        Raises SettingsError where ClickHouse refuses the user or a migration, and TransientError where no Kafka, or one
        without the output topics, is there to begin with.
        """
        client = await self._connected()
        if client is None:
            return
        try:
            await self._stay_member(client)
        finally:
            client.close()

    async def _connected(self) -> Client | None:
        """Open a client and bring the tables up to date, however long an outage lasts; None where `stop` came first."""
        backoff = Backoff()
        while True:
            try:
                client = await asyncio.to_thread(self._connect_and_migrate)
            except TransientError as error:
                await self._wait_out(str(error), backoff)
            else:
                self._health.clickhouse_answers = self._health.tables_are_made = True
                self._metrics.clickhouse_up.set(1)
                return client
            if self._stop.is_set():
                return None

    def _connect_and_migrate(self) -> Client:
        settings = self._settings
        address = ClickHouseAddress(settings.host, settings.port, settings.user, settings.password)
        client = connect(address, answer_seconds=_ANSWER_SECONDS)
        for name in migrate(client, generation=self._generation, catalog=self._catalog):
            _log.info("migration %s applied", name)
        return client

    async def _stay_member(self, client: Client) -> None:
        """Work as a member of the group, and join it again after an outage of Kafka that its client does not get over."""
        backoff = Backoff()
        was_member = False
        while not self._stop.is_set():
            queues = self._queues()
            reader = Reader(self._settings, self._group, queues, self._metrics, self._health)
            try:
                await first_of(reader.start(), self._stop.wait())
                was_member = True
                if not self._stop.is_set():
                    backoff.reset()
                    await self._work(client, reader, queues)
            except (KafkaError, OSError) as error:
                place = f"Kafka at {self._settings.kafka}"
                if not was_member:
                    raise TransientError(f"{place} does not answer; say with CREDITS_KAFKA_BROKERS where it is") from error
                await self._wait_out(f"{place} does not answer: {error!r}", backoff)
            finally:
                await reader.stop()

    async def _work(self, client: Client, reader: Reader, queues: Queues) -> None:
        """Carry until `stop` is called; then commit what is inserted, if Kafka lets it. Raises KafkaError."""
        inserting = Inserting(
            Writer(client, self._metrics, generation=self._generation),
            at_once=_INSERTS_AT_ONCE,
            metrics=self._metrics,
            health=self._health,
            on_inserted=reader.note_progress,
        )
        await first_of(
            self._stop.wait(),
            reader.read_on(),
            reader.commit_on(),
            watch(client, reader, self._metrics, self._health),
            *(inserting.insert_on(queue) for queue in queues.of_topic.values()),
        )
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_COMMIT_SECONDS):
                await reader.commit()

    def _queues(self) -> Queues:
        return Queues(
            batch_bytes=self._settings.batch_bytes,
            batch_seconds=self._settings.batch_milliseconds / 1000,
            buffer_bytes=self._settings.buffer_bytes,
        )

    async def _wait_out(self, sentence: str, backoff: Backoff) -> None:
        """Say what goes wrong, and pause; a call of `stop` ends the pause."""
        seconds = backoff.next_seconds()
        _log.warning("%s; trying again in %.1f s", sentence, seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
