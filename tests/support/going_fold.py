"""The fold of the input topics while they grow: what has come is folded on, in batches, as `credits fold --batch` does."""

from collections import defaultdict
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from projections.books import Books
from projections.results import Rows
from projections.state import MemoryState
from schemas import topics
from schemas.catalog import Catalog
from schemas.reading import read_record
from schemas.records import ReadRecord, Reroute
from schemas.refusals import Refusal
from streams.kafka.messages import raw_record
from tests.support.committed_logs import Logs


class GoingFold:
    """The books of all that lies in the input topics, kept up without Kafka's state, workers or stores."""

    def __init__(self, *, partition_count: int, catalog: Catalog) -> None:
        self._partition_count = partition_count
        self._logs = Logs(topics.INPUT_TOPICS, partition_count=partition_count)
        self.states = [MemoryState() for _ in range(partition_count)]
        self._books = [Books(state, catalog=catalog) for state in self.states]
        self.rows = Rows()
        self.records: list[ReadRecord] = []

    async def read_on(self, consumer: AIOKafkaConsumer) -> None:
        """Fold what was committed since the last time."""
        found = [self._read(record) for record in await self._logs.read_on(consumer)]
        self.records += found
        parts: defaultdict[int, list[ReadRecord]] = defaultdict(list)
        for record in found:
            parts[record.place.partition].append(record)
        for number, part in parts.items():
            self.rows.take(self._books[number].apply(part).changes)

    def _read(self, record: ConsumerRecord) -> ReadRecord:
        return read_record(raw_record(record), partition_count=self._partition_count)


def check_sent_on(records: Sequence[ReadRecord]) -> None:
    """Check that every sound record that lies on a foreign partition was sent on, and once."""
    foreign = sorted(record.place for record in records if isinstance(record.content, Reroute))
    sent_on = sorted(
        record.first_place
        for record in records
        if record.first_place != record.place and not isinstance(record.content, Refusal)
    )
    assert sent_on == foreign, "not every record that lies on a foreign partition was sent on once"
