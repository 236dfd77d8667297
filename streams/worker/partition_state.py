"""What one partition number has applied and not yet committed, on top of what it has; no I/O happens here.

Three layers: what is committed, what the transaction under way carries, and what was applied since it began. So batches go
on being applied while a transaction is under way, and nothing that is not committed ever reaches the lowest layer. State,
rows, reroutes and positions of a batch go into the same layer, and so into the same transaction.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from projections.books import Books
from projections.intake import Accepted
from projections.row_codec import encode_change
from projections.rows import TABLE_OF_ROW_TYPE, Change
from projections.state import OverlayState, ReadableState
from projections.times import Times, times_of
from schemas import topics
from schemas.catalog import Catalog
from schemas.codec import NO_REGISTRY
from schemas.errors import InvariantViolation
from schemas.instants import MICROSECONDS_PER_MILLISECOND
from schemas.reading import hop_header, read_record
from schemas.records import ReadRecord, Reroute
from streams.kafka.messages import Message
from streams.kafka.topics import CHANGELOG, GENERATION
from streams.turns import Steps
from streams.worker.batches import Batch, Gap, continue_at
from streams.worker.store import CommittedState, StoreMark
from streams.worker.worker_keys import (
    LAYOUT,
    Commit,
    read_catalog,
    read_commit,
    read_layout,
    read_position,
    write_commit,
    write_identity,
    write_position,
)

_COMMIT_BITS = 40


class _Layer:
    """What batches came to that go into one transaction: writes of the state, the last change of each row, reroutes."""

    def __init__(self, below: ReadableState) -> None:
        self.state = OverlayState(below)
        self.changes: dict[tuple[Any, ...], Change] = {}
        self.reroutes: list[ReadRecord] = []
        self.record_count = 0


class PartitionState:
    """The state of one partition number, and the batches applied to it since its last commit.

    `new_state_id` names the state if nothing was ever committed of it.
    """

    def __init__(
        self, committed: CommittedState, *, number: int, partition_count: int, catalog: Catalog, new_state_id: str
    ) -> None:
        self._committed = committed
        self._number = number
        self._partition_count = partition_count
        self._catalog = catalog
        self._decisive = catalog.decisive()
        self._sending: _Layer | None = None
        self._open = _Layer(committed)
        self._last = read_commit(committed) or Commit(0, "")
        self._state_id = self._last.state_id or new_state_id
        self._committed_positions = _positions_in(committed)
        self._upgrade()

    @property
    def has_pending(self) -> bool:
        """Whether anything was applied since the last commit began."""
        return bool(self._open.state.writes)

    @property
    def pending_record_count(self) -> int:
        """How many records were applied and are not committed."""
        return self._open.record_count + (self._sending.record_count if self._sending is not None else 0)

    @property
    def commit_number(self) -> int:
        """The number of the last commit that has ended; 0 before the first."""
        return self._last.number

    @property
    def committed(self) -> ReadableState:
        """What is committed; to be read only."""
        return self._committed

    def times(self) -> Times:
        """Give clock and boundary as they are committed."""
        return times_of(self._committed)

    def position(self, topic: str) -> int:
        """Give the fetch position up to which a topic partition has been applied."""
        return read_position(self._open.state, topic)

    def committed_positions(self) -> dict[str, int]:
        """Give the positions up to which all is committed, by input topic."""
        return dict(self._committed_positions)

    def accept(self, batch: Batch, registry: Mapping[int, str] = NO_REGISTRY) -> Steps[Accepted | Gap | None]:
        """Accept a batch if it continues at its topic's position; comes to what its rows follow from.

        `registry` is as in `schemas.codec.decode`, and names every id that the batch needs. A gap is given back, and nothing is
        accepted; None for a batch that brings no record. No commit may begin meanwhile.
        """
        topic = batch.wanted.topic
        position = self.position(topic)
        records = continue_at(position, batch)
        if isinstance(records, Gap):
            return records
        if batch.end <= position:
            return None
        layer = self._open
        accepted = None
        if records:
            intake = self._books().intake()
            for record in records:
                intake.take(read_record(record, partition_count=self._partition_count, registry=registry))
                yield
            accepted = intake.accepted()
            layer.reroutes.extend(accepted.reroutes)
            layer.record_count += len(records)
        write_position(layer.state, topic, batch.end)
        return accepted

    def keep_balances(self, accepted: Accepted) -> Steps[None]:
        """Derive ledger, payments, grants, lots, months and conflicts from what was accepted last."""
        return self._publish(self._books().balance_changes(accepted))

    def count_campaigns(self, accepted: Accepted) -> Steps[None]:
        """Derive the campaign counters from what was accepted last."""
        return self._publish(self._books().campaign_changes(accepted))

    def keep_dead_letters(self, accepted: Accepted) -> Steps[None]:
        """Keep the records that were refused last."""
        return self._publish(self._books().dead_letter_changes(accepted))

    def has_due(self) -> bool:
        """Tell whether anything is left to do that no record brings: accounts to be derived further, months to be settled."""
        return self._books().has_due()

    def do_due(self) -> Steps[None]:
        """Do one piece of what is due; no batch may be accepted meanwhile, and no commit begin."""
        return self._publish(self._books().due_changes())

    def begin_commit(self) -> Iterator[Message]:
        """Begin a commit of all that is pending; gives its messages, made one by one while they are taken.

        Every row is published with the revision of this commit, once, however often it changed.
        """
        if self._sending is not None:
            raise InvariantViolation(f"partition number {self._number}: a commit began before the last one had ended")
        layer = self._sending = self._open
        commit = Commit(self._last.number + 1, self._state_id)
        write_commit(layer.state, commit)
        if read_layout(layer.state) != LAYOUT or read_catalog(layer.state) != self._decisive:
            write_identity(layer.state, catalog=self._decisive, partition_count=self._partition_count)
        self._open = _Layer(layer.state)
        return self._messages_of(layer, revision=revision_of(commit.number))

    def end_commit(self, *, changelog_position: int, now: int) -> Mapping[str, int]:
        """Take over as committed what the commit carried; call this if and only if its transaction has committed.

        `changelog_position` is where its records begin in the changelog, `now` in UTC microseconds. Returns how many rows were
        published to each topic.
        """
        sent = self._sending
        if sent is None:
            raise InvariantViolation(f"partition number {self._number}: no commit is under way")
        self._committed.write(sent.state.writes, StoreMark(changelog_position, self._state_id, now))
        self._last = Commit(self._last.number + 1, self._state_id)
        self._committed_positions = _positions_in(self._committed)
        self._sending = None
        self._open.state.lie_on(self._committed)
        return Counter(TABLE_OF_ROW_TYPE[type(change.row)].topic for change in sent.changes.values())

    def _books(self) -> Books:
        return Books(self._open.state, catalog=self._catalog)

    def _publish(self, changes: Iterable[Change]) -> Steps[None]:
        for change in changes:
            self._open.changes[_key_of(change)] = change
            yield

    def _upgrade(self) -> None:
        """Bring a state of the layout before this one up to it, with the next commit."""
        if read_layout(self._committed) == LAYOUT - 1 and self._last.number > 0:
            self._books().upgrade()

    def _messages_of(self, layer: _Layer, *, revision: int) -> Iterator[Message]:
        for key, value in layer.state.writes.items():
            yield Message(CHANGELOG, self._number, key, value)
        for change in layer.changes.values():
            key, row = encode_change(change, revision=revision)
            yield Message(TABLE_OF_ROW_TYPE[type(change.row)].topic, self._number, key, row)
        for record in layer.reroutes:
            yield _rerouted(record)


def _positions_in(state: ReadableState) -> dict[str, int]:
    return {topic: read_position(state, topic) for topic in topics.INPUT_TOPICS}


def revision_of(commit_number: int) -> int:
    """Give the revision of the rows of a commit: the generation, then the commit's number, so that it only grows."""
    if not 0 < commit_number < 1 << _COMMIT_BITS:
        raise InvariantViolation(f"commit number {commit_number} does not fit a revision")
    return GENERATION << _COMMIT_BITS | commit_number


def _key_of(change: Change) -> tuple[Any, ...]:
    table = TABLE_OF_ROW_TYPE[type(change.row)]
    return table.name, *change.row[: table.key_length]


def _rerouted(record: ReadRecord) -> Message:
    """Send a record on to its own partition as it came, with a header that names where it lay (docs/ledger.md 3.2)."""
    raw = record.raw
    if not isinstance(record.content, Reroute) or raw.key is None:
        raise InvariantViolation(f"{record.place} is no record to be rerouted")
    return Message(
        raw.topic,
        record.content.partition,
        raw.key,
        raw.value,
        raw.timestamp // MICROSECONDS_PER_MILLISECOND,
        (*raw.headers, hop_header(record.place)),
    )
