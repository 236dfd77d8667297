"""What a line of a file becomes: one record, or for a TimeAdvanced three (docs/ledger.md 1.12).

The record lies in partition 0 of its event's topic, at the line's number; its timestamp is the event's `recorded_at`. It has
no key, so that it is neither `wrong_key` nor rerouted.
"""

from collections.abc import Iterator, Mapping

from schemas.errors import DecodeError
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced
from schemas.instants import parse_instant
from schemas.json_form import form_of, read_object
from schemas.records import Place, RawRecord, ReadRecord
from schemas.refusals import Reason, Refusal

NO_TOPIC = ""
"""The topic of a line of which it cannot be said what event it is."""


def records_of_object(fields: Mapping[str, object], *, number: int, line: bytes) -> Iterator[ReadRecord]:
    """Give the records that a line says, whose content was read as a JSON object; `number` is the line's, from 1."""
    content = read_object(fields)
    form = form_of(fields)
    topics = (NO_TOPIC,) if form is None else TOPICS_OF_TYPE[form.record_type]
    timestamp = _told_timestamp(fields) if isinstance(content, Refusal) else _timestamp(content)
    for topic in topics:
        yield _record(content, topic=topic, number=number, timestamp=timestamp, line=line)


def undecodable_line(error: DecodeError, *, number: int, line: bytes) -> ReadRecord:
    """Give the refusal of a line of which nothing can be read."""
    refusal = Refusal(Reason.UNDECODABLE, None, str(error))
    return _record(refusal, topic=NO_TOPIC, number=number, timestamp=0, line=line)


def _record(content: Event | Refusal, *, topic: str, number: int, timestamp: int, line: bytes) -> ReadRecord:
    place = Place(topic, 0, number)
    raw = RawRecord(topic, 0, number, timestamp, key=None, value=line, headers=())
    return ReadRecord(place, place, timestamp, content, raw)


def _timestamp(event: Event) -> int:
    return event.as_of if isinstance(event, TimeAdvanced) else event.recorded_at


def _told_timestamp(fields: Mapping[str, object]) -> int:
    """Give the timestamp of a line that is refused, as far as it can be read; 0 where it cannot."""
    for name in ("recorded_at", "occurred_at", "as_of"):
        text = fields.get(name)
        if isinstance(text, str):
            return max(parse_instant(text) or 0, 0)
    return 0
