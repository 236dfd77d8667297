"""What became of each record of the demo feed, found out of the dead letters and conflicts that ClickHouse holds.

A record is known by the number in its header, wherever it lies. It was refused where there is a dead letter of its first place;
of those that were not, the first of an identity in its topic partition was accepted, and the others are duplicates
(docs/ledger.md 3.3: one with other content would have been refused).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from projections.rows import ConflictRow, DeadLetterRow
from schemas.errors import InvariantViolation
from schemas.events import CampaignDefined, CreditGranted, CustomerEvent, NameGiven, TimeAdvanced
from schemas.instants import MICROSECONDS_PER_DAY
from schemas.records import Place, RawRecord, ReadRecord, Reroute
from schemas.refusals import Refusal
from streams.demo.outcomes import Outcome
from streams.demo.records import NUMBER_HEADER, FeedRecord

LATE_AFTER = MICROSECONDS_PER_DAY
"""So long after it occurred an event was recorded late."""

Ends = Mapping[tuple[str, int], int]
"""The offset at which each topic partition ended at some time; one that is not named was empty."""


_Reported = dict[tuple[str, str, str, int, str], Outcome]
"""The conflict of an accepted event, by customer, topic, instant and identity."""


class Answer(NamedTuple):
    """What became of one delivery of a record of the feed; `first_place` is where it was sent to."""

    number: int
    first_place: Place
    outcome: Outcome


class Answers(NamedTuple):
    """What became of all deliveries, in the order of each log; `duplicates` counts those of all records in the topics."""

    deliveries: tuple[Answer, ...]
    duplicates: int

    def first(self) -> dict[int, Outcome]:
        """Give what became of each record when it was read for the first time, by its number."""
        found: dict[int, Answer] = {}
        for answer in self.deliveries:
            before = found.get(answer.number)
            if before is None or answer.first_place.offset < before.first_place.offset:
                found[answer.number] = answer
        return {number: answer.outcome for number, answer in found.items()}

    def since(self, ends: Ends) -> dict[int, Outcome]:
        """Give what became of each record that was sent after the topics ended so, by its number."""
        return {
            answer.number: answer.outcome
            for answer in self.deliveries
            if answer.first_place.offset >= ends.get((answer.first_place.topic, answer.first_place.partition), 0)
        }


def number_of(raw: RawRecord) -> int | None:
    """Give the number of a record in the feed; None for one that is not of the feed."""
    return next((int(value) for name, value in raw.headers if name == NUMBER_HEADER), None)


def answers_of(
    records: Iterable[ReadRecord], *, dead_letters: Iterable[DeadLetterRow], conflicts: Iterable[ConflictRow]
) -> Answers:
    """Find what became of the records of the feed.

    `records` are all that lie in the topics, in the order of each log; `dead_letters` and `conflicts` are all rows that stand.
    Raises InvariantViolation where there is no dead letter of a record that can be no event.
    """
    refused = {Place(row.topic, row.partition, row.offset): Outcome(row.reason) for row in dead_letters}
    reported: _Reported = {
        (row.organization_id, row.customer_id, row.topic, row.occurred_at, row.identity): Outcome(row.conflict)
        for row in conflicts
    }
    known: set[tuple[str, ...]] = set()
    answers: dict[Place, Answer] = {}
    duplicates = 0
    for record in records:
        if isinstance(record.content, Reroute | TimeAdvanced):
            continue  # one that was sent on is answered where it arrived
        outcome = refused.get(record.first_place) or _outcome_of(record, known, reported)
        duplicates += outcome is Outcome.DUPLICATE
        number = number_of(record.raw)
        if number is not None:
            # One that was sent on twice was answered the first time.
            answers.setdefault(record.first_place, Answer(number, record.first_place, outcome))
    return Answers(tuple(answers.values()), duplicates)


def _outcome_of(record: ReadRecord, known: set[tuple[str, ...]], reported: _Reported) -> Outcome:
    """Give the outcome of a record that was not refused, and note its identity.

    Raises InvariantViolation for one that had to be refused.
    """
    match record.content:
        case CampaignDefined() | NameGiven():
            return Outcome.NAMES_AND_CAMPAIGNS
        case Refusal() | Reroute() | TimeAdvanced():
            raise InvariantViolation(f"what lies at {record.first_place} can be no event, and there is no dead letter of it")
        case event:
            pass
    topic, partition, _ = record.place
    identity = event.grant_id if isinstance(event, CreditGranted) else event.event_id
    key = (topic, str(partition), event.organization_id, event.customer_id, identity)
    if key in known:
        return Outcome.DUPLICATE
    known.add(key)
    conflict = reported.get((event.organization_id, event.customer_id, topic, event.occurred_at, identity))
    return conflict or _accepted(record, event)


def _accepted(record: ReadRecord, event: CustomerEvent) -> Outcome:
    if record.place != record.first_place:
        return Outcome.MISROUTED
    return Outcome.LATE if event.recorded_at - event.occurred_at >= LATE_AFTER else Outcome.ACCEPTED


class Line(NamedTuple):
    """One line of the account: an outcome, how many records were to have it, and how many had it."""

    outcome: Outcome
    expected: int
    found: int


def lines_of(expected: Mapping[int, Outcome], found: Mapping[int, Outcome]) -> list[Line]:
    """Count by outcome, in the order in which the outcomes are declared; those that nothing has are left out."""
    wanted, had = Counter(expected.values()), Counter(found.values())
    return [Line(outcome, wanted[outcome], had[outcome]) for outcome in Outcome if wanted[outcome] or had[outcome]]


def differences(feed: Sequence[FeedRecord], expected: Mapping[int, Outcome], found: Mapping[int, Outcome]) -> Iterator[str]:
    """Name each record of which something else became than was to."""
    for number in sorted(expected.keys() | found.keys()):
        wanted, had = expected.get(number), found.get(number)
        if wanted is not had:
            topic = feed[number].outgoing.topic if number < len(feed) else "no topic"
            yield f"record {number} of {topic} is {_said(had)} and should be {_said(wanted)}"


def _said(outcome: Outcome | None) -> str:
    return "not there" if outcome is None else outcome.value
