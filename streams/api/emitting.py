"""Events that are brought over HTTP: each is checked as a worker will check it, and sent, and Kafka has it before the answer.

Each event gets a verdict of its own. Of those that are right all are sent; what is stored can be told by the status alone:
200 all of them, 207 some, 422 none. Whether the ledger accepts what is stored (docs/ledger.md 3) is decided by the log; what
it refuses later lies with the dead letters.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from creditstream.emitter import check_event, prepared
from creditstream.records import Outgoing, records_of
from creditstream.registry import Registry
from creditstream.sending import Position
from creditstream.wall_clock import now_microseconds
from schemas import codec
from schemas.errors import DecodeError, InvalidEvent, SettingsError, TransientError
from schemas.events import Event, TimeAdvanced
from schemas.form_fields import shown
from schemas.instants import format_instant
from schemas.json_form import read_object
from schemas.refusals import Reason, Refusal
from schemas.strict_json import parse_value
from schemas.topics import CLOCKED_TOPICS
from streams.api import cloud_events
from streams.api.guards import CALLER
from streams.api.limits import Limits
from streams.api.refused import SOON_SECONDS, Refused
from streams.api.sender import Sender
from streams.api.tokens import Caller
from streams.turns import Turn

JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
CLOUD_EVENTS = "application/cloudevents-batch+json"
MEDIA_TYPES = (JSON, CLOUD_EVENT, CLOUD_EVENTS)

RECORD_BYTES_MAX = 1_000_000
"""Size of an event on its topic: with key and headers it is within what brokers take by default."""

_READ_SECONDS = 10
FORBIDDEN = "forbidden"


class Bounds(NamedTuple):
    """How much one request may bring, and how many partitions the topics have."""

    body_bytes: int
    events: int
    partition_count: int


class _Verdict(NamedTuple):
    """What becomes of an event: it is to be sent, or turned down for a reason."""

    event_id: str | None
    event: Event | None
    reason: str = ""
    field: str | None = None
    sentence: str = ""


class Emitting:
    """Takes events from upstreams that speak HTTP."""

    def __init__(self, sender: Sender, limits: Limits, bounds: Bounds, *, registry: Registry | None) -> None:
        self._sender = sender
        self._registry = registry
        self._limits = limits
        self._bounds = bounds

    async def take(self, request: web.Request) -> web.Response:
        """Answer POST /v1/events."""
        caller = request[CALLER]
        items = await self._items(request)
        self._limits.charge(caller.name, len(items) - 1)
        verdicts, turn = [], Turn()
        for item in items:
            verdicts.append(self._verdict(item, caller))
            await turn.pass_on()
        positions = await self._send([verdict.event for verdict in verdicts if verdict.event is not None])
        return _answer(verdicts, positions)

    async def _items(self, request: web.Request) -> list[dict[str, object] | Refusal]:
        """Give the JSON form of each event of a body, or why one has none."""
        is_binary = cloud_events.is_binary(request.headers)
        media_type = request.content_type
        if media_type not in ((JSON,) if is_binary else MEDIA_TYPES) or (request.charset or "utf-8").lower() != "utf-8":
            raise Refused(415, f"the body must be UTF-8 of the media type {', '.join(MEDIA_TYPES)}")
        try:
            content = parse_value(await self._body(request), what="the body")
        except DecodeError as error:
            raise Refused(400, str(error)) from error
        if is_binary:
            return [cloud_events.unwrap(cloud_events.envelope_of(request.headers, content))]
        if media_type == CLOUD_EVENT:
            return [cloud_events.unwrap(content)]
        items = self._list(content, may_be_one=media_type == JSON)
        return (
            [cloud_events.unwrap(item) for item in items] if media_type == CLOUD_EVENTS else [_fields(item) for item in items]
        )

    def _list(self, content: object, *, may_be_one: bool) -> Sequence[object]:
        if may_be_one and isinstance(content, dict):
            return [content]
        if not isinstance(content, list) or not content:
            what = "an event or a list of events" if may_be_one else "a list of events"
            raise Refused(400, f"the body must be {what}, and not empty")
        if len(content) > self._bounds.events:
            raise Refused(413, f"the body has {len(content)} events; {self._bounds.events} are taken at a time")
        return content

    async def _body(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise Refused(413, f"the body is larger than {self._bounds.body_bytes} bytes") from error
        except TimeoutError as error:
            raise Refused(408, f"the body did not come within {_READ_SECONDS} s") from error
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError) as error:
            raise Refused(400, "the body cannot be read: its encoding or its length is wrong") from error

    def _verdict(self, item: dict[str, object] | Refusal, caller: Caller) -> _Verdict:
        if isinstance(item, Refusal):
            return _refused(None, item)
        named = item.get("event_id")
        event_id = shown(named) if isinstance(named, str) else None
        if item.get("type") == TimeAdvanced.__name__:
            return _refused(event_id, Refusal(Reason.INVALID, "type", "must not be TimeAdvanced: the workers say the time"))
        now = now_microseconds()
        said = read_object(item if item.get("recorded_at") is not None else {**item, "recorded_at": format_instant(now)})
        if isinstance(said, Refusal):
            return _refused(event_id, said)
        return self._verdict_on(said, caller, event_id=event_id, now=now)

    def _verdict_on(self, event: Event, caller: Caller, *, event_id: str | None, now: int) -> _Verdict:
        try:
            check_event(event, now=now)
        except InvalidEvent as error:
            return _refused(event_id, Refusal(Reason.INVALID, error.field, error.detail))
        if isinstance(event, TimeAdvanced) or not caller.is_of(event.organization_id):
            sentence = f"must be one that the token {caller.name} is good for"
            return _Verdict(event_id, None, FORBIDDEN, "organization_id", sentence)
        if len(codec.encode(event)) > RECORD_BYTES_MAX:
            return _refused(event_id, Refusal(Reason.INVALID, None, f"is larger than {RECORD_BYTES_MAX} bytes"))
        return _Verdict(event_id, event)

    async def _send(self, events: list[Event]) -> list[Position]:
        if not events:
            return []
        try:
            encode = codec.encode if self._registry is None else await asyncio.to_thread(prepared, self._registry, events)
            return await self._sender.send(await self._records_of(events, encode))
        except (SettingsError, TransientError) as error:
            raise Refused(
                503,
                f"{error}; events of this request may still be stored: send it again, a copy of an event changes nothing",
                retry_seconds=SOON_SECONDS,
            ) from error

    async def _records_of(self, events: list[Event], encode: Callable[[Event], bytes]) -> list[Outgoing]:
        records: list[Outgoing] = []
        turn = Turn()
        for event in events:
            records += records_of(event, partition_count=self._bounds.partition_count, encode=encode)
            await turn.pass_on()
        return records


def _fields(item: object) -> dict[str, object] | Refusal:
    return item if isinstance(item, dict) else Refusal(Reason.INVALID, None, "must be an event, which is a JSON object")


def _refused(event_id: str | None, refusal: Refusal) -> _Verdict:
    return _Verdict(event_id, None, refusal.reason.value, refusal.field, refusal.detail)


def _answer(verdicts: list[_Verdict], positions: list[Position]) -> web.Response:
    rest = iter(positions)
    told = [_told(index, verdict, None if verdict.event is None else next(rest)) for index, verdict in enumerate(verdicts)]
    counts = Counter(one["status"] for one in told)
    status = 200 if not counts["refused"] else 207 if counts["stored"] else 422
    return web.json_response({"stored": counts["stored"], "refused": counts["refused"], "events": told}, status=status)


def _told(index: int, verdict: _Verdict, position: Position | None) -> dict[str, Any]:
    told: dict[str, Any] = {"index": index, "event_id": verdict.event_id}
    if position is None:
        return {
            **told,
            "status": "refused",
            "reason": verdict.reason,
            "field": verdict.field,
            "sentence": verdict.sentence,
        }
    after = "/".join(map(str, position)) if position.topic in CLOCKED_TOPICS else None
    return {**told, "status": "stored", **position._asdict(), "after": after}
