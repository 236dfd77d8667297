"""Input topics in memory, into which the demo sends, and a worker that sends on what lies on a foreign partition."""

from collections import Counter
from collections.abc import Iterable, Iterator

from projections.fold import Folded, fold_rows
from projections.rows import ConflictRow, DeadLetterRow
from schemas.instants import from_milliseconds
from schemas.reading import hop_header, read_record
from schemas.records import RawRecord, ReadRecord, Reroute
from streams.demo.accounting import Answers, answers_of
from streams.demo.feed import Feed
from streams.demo.sending import Lying, Sending, look, plan
from streams.files import read_catalog
from streams.kafka.emit import Outgoing, records_of
from tests.support.expected_figures import EXAMPLES

CATALOG = read_catalog(EXAMPLES / "catalog.toml")


class DemoTopics:
    """The topics as a run of the demo finds them; a run goes as in `credits demo`."""

    def __init__(self, *, partition_count: int) -> None:
        self.partition_count = partition_count
        self.records: list[ReadRecord] = []
        self._ends: Counter[tuple[str, int]] = Counter()
        self._to_send_on: list[ReadRecord] = []

    def run(self, feed: Feed) -> tuple[Lying, Sending]:
        """Do a whole run of the demo."""
        lying = self.look(feed)
        for step in self.steps(feed):
            self.send([step])
        self.apply()
        return lying, plan(feed, lying)

    def steps(self, feed: Feed) -> Iterator[Outgoing]:
        """Give what a run sends, a record at a time; what is to be sent on is, where the run waits for it."""
        sending = plan(feed, self.look(feed))
        yield from (one.outgoing for one in sending.before)
        if sending.before:
            self.apply()
        yield from records_of(feed.opening, partition_count=self.partition_count)
        yield from (one.outgoing for one in sending.after)

    def look(self, feed: Feed) -> Lying:
        """Look at what lies in the topics."""
        return look((record.raw for record in self.records), feed)

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        """Append records as they are sent."""
        for one in outgoing:
            log = one.topic, one.partition
            timestamp = from_milliseconds(one.timestamp)
            raw = RawRecord(one.topic, one.partition, self._ends[log], timestamp, one.key, one.value, one.headers)
            self._ends[log] += 1
            record = read_record(raw, partition_count=self.partition_count)
            self.records.append(record)
            if isinstance(record.content, Reroute):
                self._to_send_on.append(record)

    def apply(self) -> None:
        """Send on what lies on a foreign partition, as the workers do sooner or later."""
        waiting, self._to_send_on = self._to_send_on, []
        for record in waiting:
            raw, content = record.raw, record.content
            assert isinstance(content, Reroute)
            headers = (*raw.headers, hop_header(record.place))
            self.send([Outgoing(raw.topic, content.partition, raw.key, raw.value, raw.timestamp // 1_000, headers)])

    def folded(self) -> Folded:
        """Fold what lies in the topics."""
        return fold_rows(self.records, catalog=CATALOG)

    def answers(self) -> Answers:
        """Find what became of each record of a feed by the rows of a fold."""
        rows = self.folded().rows
        return answers_of(self.records, dead_letters=rows.of(DeadLetterRow), conflicts=rows.of(ConflictRow))
