"""Other orders in which the same logs may come, and copies in them (docs/ledger.md 3.3, 4.1)."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from random import Random
from typing import TypeVar

from schemas.events import CreditGranted, CustomerEvent, TimeAdvanced, key_of
from schemas.records import Place, ReadRecord, Reroute
from schemas.refusals import Refusal

_Group = TypeVar("_Group", bound=Hashable)
FIRST_OFFSET_OF_COPIES = 10_000


def interleaved(random: Random, records: Iterable[ReadRecord]) -> list[ReadRecord]:
    """Mix the topic partitions anew; the order within each is kept."""
    logs = _grouped(records, lambda record: record.place[:2])
    order = [log for log, members in logs.items() for _ in members]
    random.shuffle(order)
    remaining = {log: iter(members) for log, members in logs.items()}
    return [next(remaining[log]) for log in order]


def mixed_within_topics(random: Random, records: Iterable[ReadRecord]) -> list[ReadRecord]:
    """Mix the records between one clock event and the next; those of one identity keep their order among themselves."""
    mixed: list[ReadRecord] = []
    for log in _grouped(records, lambda record: record.place[:2]).values():
        part: list[ReadRecord] = []
        for record in log:
            if isinstance(record.content, TimeAdvanced):
                mixed += [*_mixed(random, part), record]
                part = []
            else:
                part.append(record)
        mixed += _mixed(random, part)
    return mixed


def with_copies(
    random: Random, records: Sequence[ReadRecord], accepted: Sequence[ReadRecord]
) -> tuple[list[ReadRecord], set[Place]]:
    """Deliver some accepted records again, somewhere later in their topic partition; gives the places of the copies too."""
    found = list(records)
    copies: set[Place] = set()
    for number, record in enumerate(accepted):
        if random.random() < 0.5:
            continue
        place = record.place._replace(offset=FIRST_OFFSET_OF_COPIES + number)
        copies.add(place)
        after = next(index for index, other in enumerate(found) if other.place == record.place)
        end = max(index for index, other in enumerate(found) if other.place[:2] == record.place[:2])
        copy = record._replace(place=place, first_place=place, raw=record.raw._replace(offset=place.offset))
        found.insert(random.randint(after, end) + 1, copy)
    return found, copies


def _mixed(random: Random, part: Sequence[ReadRecord]) -> list[ReadRecord]:
    groups = _grouped(part, _identity_of)
    order = [identity for identity, members in groups.items() for _ in members]
    random.shuffle(order)
    remaining = {identity: iter(members) for identity, members in groups.items()}
    return [next(remaining[identity]) for identity in order]


def _identity_of(record: ReadRecord) -> Hashable:
    """Give what records that may not change places have in common; two refusals of one first place are one as well."""
    match record.content:
        case Refusal() | Reroute():
            return record.first_place
        case CreditGranted(organization_id=organization_id, customer_id=customer_id, grant_id=grant_id):
            return organization_id, customer_id, grant_id
        case event if isinstance(event, CustomerEvent):
            return event.organization_id, event.customer_id, event.event_id
        case event:
            return key_of(event)


def _grouped(records: Iterable[ReadRecord], group_of: Callable[[ReadRecord], _Group]) -> dict[_Group, list[ReadRecord]]:
    groups: dict[_Group, list[ReadRecord]] = {}
    for record in records:
        groups.setdefault(group_of(record), []).append(record)
    return groups
