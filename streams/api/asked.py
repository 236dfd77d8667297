"""What a request asks, read strictly from its path and query: a misspelt parameter is refused, never passed over."""

from typing import NamedTuple

from aiohttp import web

from projections.keys import Customer
from schemas.checks import TEXT_CHARACTERS_MAX, check_id, check_instant
from schemas.form_fields import shown
from schemas.instants import INSTANT_LIMIT, parse_instant
from schemas.topics import CLOCKED_TOPICS, partition_of
from streams.api.refused import Refused

WAIT_SECONDS_DEFAULT = 10
WAIT_SECONDS_MAX = 60
AFTER_MAX = 16
"""So many events of one's own one request may wait for."""

_OFFSET_DIGITS_MAX = 18


class Wait(NamedTuple):
    """Up to which offset each topic has to be applied before the answer, and how many seconds that may take."""

    offsets: dict[str, int]
    seconds: float


class AskedBalances(NamedTuple):
    """A question for the balances of a customer; `as_of` None means now, `credit_type` None every one."""

    customer: Customer
    as_of: int | None
    credit_type: str | None
    wait: Wait


class AskedExplanation(NamedTuple):
    """A question for how a consumption was paid; `occurred_at` None means any instant."""

    customer: Customer
    event_id: str
    occurred_at: int | None
    wait: Wait


def asked_balances(request: web.Request, *, number: int) -> AskedBalances:
    """Read a question for balances; `number` is the customer's partition number. Raises Refused with 400."""
    _refuse_unknown(request, ("as_of", "credit_type", "after", "wait_seconds"))
    credit_type = _once(request, "credit_type")
    if credit_type is not None and not 1 <= len(credit_type) <= TEXT_CHARACTERS_MAX:
        raise _wrong("credit_type", f"must have 1 to {TEXT_CHARACTERS_MAX} characters")
    return AskedBalances(customer_of(request), _instant(request, "as_of"), credit_type, _wait(request, number=number))


def asked_explanation(request: web.Request, *, number: int) -> AskedExplanation:
    """Read a question for an explanation; `number` as in `asked_balances`. Raises Refused with 400."""
    _refuse_unknown(request, ("occurred_at", "after", "wait_seconds"))
    event_id = _id(request, "event_id")
    return AskedExplanation(customer_of(request), event_id, _instant(request, "occurred_at"), _wait(request, number=number))


def customer_of(request: web.Request) -> Customer:
    """Read the customer that a path names; raises Refused with 400."""
    return Customer(_id(request, "organization_id"), _id(request, "customer_id"))


def number_of(customer: Customer, *, partition_count: int) -> int:
    """Give the partition number of a customer."""
    return partition_of(customer.key, partition_count=partition_count)


def _id(request: web.Request, name: str) -> str:
    text = request.match_info[name]
    sentence = check_id(text)
    if sentence is not None:
        raise _wrong(name, sentence)
    return text


def _instant(request: web.Request, name: str) -> int | None:
    text = _once(request, name)
    if text is None:
        return None
    instant = parse_instant(text)
    if instant is None:
        raise _wrong(name, "must be an instant with an offset, such as 2026-05-15T12:00:00Z (a + is written %2B)")
    sentence = check_instant(instant)
    if sentence is not None:
        raise _wrong(name, sentence)
    return min(instant, INSTANT_LIMIT)


def _wait(request: web.Request, *, number: int) -> Wait:
    places = request.query.getall("after", [])
    if len(places) > AFTER_MAX:
        raise _wrong("after", f"may be given {AFTER_MAX} times at most")
    offsets: dict[str, int] = {}
    for place in places:
        topic, offset = _place(place, number=number)
        offsets[topic] = max(offset, offsets.get(topic, 0))
    return Wait(offsets, _seconds(request))


def _place(text: str, *, number: int) -> tuple[str, int]:
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    is_read = all(part.isascii() and part.isdigit() and len(part) <= _OFFSET_DIGITS_MAX for part in (partition, offset))
    if topic not in CLOCKED_TOPICS or not is_read:
        raise _wrong("after", f"must be TOPIC/PARTITION/OFFSET, with a topic of {', '.join(CLOCKED_TOPICS)}")
    if int(partition) != number:
        raise _wrong("after", f"names partition {int(partition)}, and the events of this customer lie in {number}")
    return topic, int(offset)


def _seconds(request: web.Request) -> float:
    text = _once(request, "wait_seconds")
    if text is None:
        return WAIT_SECONDS_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(WAIT_SECONDS_MAX)) and int(text) <= WAIT_SECONDS_MAX):
        raise _wrong("wait_seconds", f"must be a whole number from 0 to {WAIT_SECONDS_MAX}")
    return int(text)


def _once(request: web.Request, name: str) -> str | None:
    texts: list[str] = request.query.getall(name, [])
    if len(texts) > 1:
        raise _wrong(name, "may be given once")
    return texts[0] if texts else None


def _refuse_unknown(request: web.Request, known: tuple[str, ...]) -> None:
    for name in request.query:
        if name not in known:
            raise _wrong(shown(name), f"is no parameter of this question; known are {', '.join(known)}")


def _wrong(field: str, sentence: str) -> Refused:
    return Refused(400, sentence, field=field)
