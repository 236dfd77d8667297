"""Generated worlds: a catalog and whole logs of topic partitions, dense in everything that the rules tell apart.

One generator serves the census, which draws from `random.Random(seed)`, and Hypothesis, which draws from its own random
generator and shrinks. Whatever is generated goes the way of real records: through the codec and the reader.
"""

from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

from schemas import codec, topics
from schemas.catalog import Catalog, CreditType, Organization
from schemas.checks import ACCEPTANCE_WINDOW
from schemas.events import TOPICS_OF_TYPE, CreditGranted, CreditVoided, CustomerEvent, Event, MasterEvent, TimeAdvanced, key_of
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, format_instant
from schemas.reading import hop_header, read_record
from schemas.records import Place, RawRecord, ReadRecord
from tests.support.world_changes import (
    contradiction_of,
    copy_of,
    early_of,
    invalid_of,
    just_in_time,
    undecodable_of,
    wrong_key_of,
)
from tests.support.world_events import PRIORITIES, Stage, chance, masters_of, story_of
from tests.support.world_instants import ERAS, ZONES, Era, instants_of, walls_of

CREDIT_TYPES = MappingProxyType(
    {
        "coins": CreditType("coins", allows_unlimited=False, unit="coin", scale=2),
        "hours": CreditType("hours", allows_unlimited=True, unit="hour", scale=2),
    }
)
CASTS = (
    (("o1", "c1"),),
    (("o1", "c1"), ("o1", "c2")),
    (("o1", "c1"), ("o2", "c1")),
)
LIMITS = (*(None,) * 9, 3, 2, 1)
"""How many grants that have not expired an account may have; None: as many as the rule book says."""


class World(NamedTuple):
    """A catalog, the logs of all topic partitions one after the other, and the instant asked about (None: the default).

    `meant` tells for the places of spoilt records what would lie there if nothing had gone wrong. `live_grants_max` is the
    limit of docs/ledger.md 3.11, which no world could reach at its true size (None: the true size).
    """

    catalog: Catalog
    partition_count: int
    records: tuple[RawRecord, ...]
    as_of: int | None
    meant: Mapping[Place, RawRecord]
    live_grants_max: int | None

    @property
    def rules(self) -> dict[str, Any]:
        """Give what an engine must be told besides the records."""
        return {"catalog": self.catalog, **self.limit}

    @property
    def limit(self) -> dict[str, int]:
        """Give what acceptance must be told besides the records."""
        return {} if self.live_grants_max is None else {"live_grants_max": self.live_grants_max}

    def read(self) -> list[ReadRecord]:
        """Read every record, in the order of `records`."""
        return [read_record(raw, partition_count=self.partition_count) for raw in self.records]

    def __repr__(self) -> str:
        """Tell the world record by record, as a failing property shows it."""
        zones = {name: organization.zone_name for name, organization in self.catalog.organizations.items()}
        as_of = "the default" if self.as_of is None else format_instant(self.as_of)
        limit = "" if self.live_grants_max is None else f", {self.live_grants_max} grants an account"
        head = f"World of {self.partition_count} partitions, zones {zones}, asked as of {as_of}{limit}:"
        return "\n  ".join([head, *(_told(record) for record in self.read())])


def _told(record: ReadRecord) -> str:
    topic, partition, offset = record.place
    hop = "" if record.place == record.first_place else f" from partition {record.first_place.partition}"
    return f"{topic}/{partition}/{offset}{hop} at {format_instant(record.timestamp)}: {record.content}"


def world(random: Random, *, priorities: Sequence[int] = PRIORITIES) -> World:
    """Draw a world; the same draws give the same world."""
    era = random.choice(ERAS)
    cast = random.choice(CASTS)
    zone_names = {organization_id: _zone_name(random, era, organization_id) for organization_id, _ in cast}
    stage = Stage(cast, instants_of(random, era, sorted(set(zone_names.values()))), priorities)
    organizations = {name: Organization(zone_name, None) for name, zone_name in zone_names.items()}
    walls = walls_of(random, era, random.choice((2, 1, 3)))
    logs = _Logs(random, random.choice((1, 3)), stage.instants)
    clocks = _write(random, stage, walls, logs)
    return World(
        catalog=Catalog(CREDIT_TYPES, MappingProxyType(organizations)),
        partition_count=logs.partition_count,
        records=logs.records(),
        as_of=_as_of(random, stage, walls, clocks),
        meant=logs.meant,
        live_grants_max=random.choice(LIMITS),
    )


def world_of_seed(seed: int, *, priorities: Sequence[int] = PRIORITIES) -> World:
    """Draw the world of a seed."""
    return world(Random(seed), priorities=priorities)  # noqa: S311  # nothing is kept secret by it


def _zone_name(random: Random, era: Era, organization_id: str) -> str:
    return era.zone_name if organization_id == "o1" else random.choice(ZONES)


def _write(random: Random, stage: Stage, walls: list[int], logs: "_Logs") -> list[TimeAdvanced]:
    """Write the story down, a part up to each wall, the clock between the parts; gives what the clock said."""
    parts: list[list[CustomerEvent | MasterEvent]] = [[] for _ in walls]
    for event in story_of(random, stage):
        first = _first_part(random, event, len(parts))
        for number, delivery in enumerate(_deliveries(random, event, stage.instants)):
            parts[random.randint(first, len(parts) - 1) if number else first].append(delivery)
    clocks: list[TimeAdvanced] = []
    for wall, part in zip(walls, parts, strict=True):
        random.shuffle(part)
        for event in part:
            logs.write(_recorded(random, event, stage.instants, wall), wall)
        for event in masters_of(random, stage):
            logs.write(event._replace(recorded_at=min(event.recorded_at, wall)), wall)
        logs.write_forwarded()
        if wall != walls[-1] or chance(random, 0.4):
            clocks += logs.write_clocks(wall)
    return clocks


def _first_part(random: Random, event: CustomerEvent, count: int) -> int:
    """Draw in which part an event is written down: grants early as a rule, voids late."""
    if isinstance(event, CreditGranted):
        return min(random.randrange(count), random.randrange(count))
    return max(random.randrange(count), random.randrange(count)) if isinstance(event, CreditVoided) else random.randrange(count)


def _deliveries(random: Random, event: CustomerEvent, instants: list[int]) -> list[CustomerEvent]:
    deliveries = [event]
    if chance(random, 0.12):
        deliveries.append(copy_of(random, event, instants))
    if chance(random, 0.12):
        deliveries.append(contradiction_of(random, event, instants))
    return deliveries


def _recorded(random: Random, event: CustomerEvent, instants: list[int], wall: int) -> CustomerEvent:
    recorded_at = random.choice((event.recorded_at, event.recorded_at, random.choice(instants)))
    return event._replace(recorded_at=min(recorded_at, wall + MICROSECONDS_PER_HOUR))


def _as_of(random: Random, stage: Stage, walls: list[int], clocks: list[TimeAdvanced]) -> int | None:
    boundary_at_most = max((clock.accept_from for clock in clocks if clock.accept_from is not None), default=0)
    candidates = [instant for instant in (*stage.instants[2:], *walls) if instant >= boundary_at_most]
    return random.choice((None, random.choice(candidates or [boundary_at_most])))


class _Logs:
    """The logs of all topic partitions while they are written."""

    def __init__(self, random: Random, partition_count: int, instants: list[int]) -> None:
        self.partition_count = partition_count
        self.meant: dict[Place, RawRecord] = {}
        self._random = random
        self._instants = instants
        self._logs: dict[tuple[str, int], list[RawRecord]] = {}
        self._forwarded: list[RawRecord] = []

    def records(self) -> tuple[RawRecord, ...]:
        """Give all records, log by log."""
        return tuple(raw for log in sorted(self._logs) for raw in self._logs[log])

    def write(self, event: CustomerEvent | MasterEvent, timestamp: int) -> None:
        """Write an event where its key belongs, or somewhere else first; now and then something goes wrong."""
        key = key_of(event) or b""
        partition = topics.partition_of(key, partition_count=self.partition_count)
        topic = TOPICS_OF_TYPE[type(event)][0]
        raw = RawRecord(topic, partition, 0, timestamp, key, codec.encode(event), ())
        if self.partition_count > 1 and chance(self._random, 0.12):
            self._misroute(raw)
        elif chance(self._random, 0.15):
            self._spoil(raw, event)
        else:
            self._append(raw)

    def write_forwarded(self) -> None:
        """Write what was sent on and has not arrived yet."""
        for raw in self._forwarded:
            self._append(raw)
        self._forwarded.clear()

    def write_clocks(self, wall: int) -> list[TimeAdvanced]:
        """Say the time to most topic partitions; gives all that was said and is no fault."""
        random = self._random
        today = wall - wall % MICROSECONDS_PER_DAY
        windows = [instant for instant in self._instants if instant <= wall - ACCEPTANCE_WINDOW]
        accept_from = random.choice((today - ACCEPTANCE_WINDOW, *windows[-3:]))
        silent = random.randrange(3) if chance(random, 0.15) else self.partition_count
        said: list[TimeAdvanced] = []
        for topic in topics.CLOCKED_TOPICS:
            for partition in range(self.partition_count):
                if partition == silent:
                    continue
                if not chance(random, 0.1):
                    said.append(TimeAdvanced(wall, None if chance(random, 0.15) else accept_from))
                    self._append_clock(said[-1], topic, partition, wall)
                if chance(random, 0.15):
                    stale_or_fault = random.choice(
                        (
                            TimeAdvanced(wall - 20 * MICROSECONDS_PER_DAY, accept_from - 20 * MICROSECONDS_PER_DAY),
                            TimeAdvanced(wall, wall - ACCEPTANCE_WINDOW + 1),
                            TimeAdvanced(wall + MICROSECONDS_PER_HOUR + 1, accept_from),
                        )
                    )
                    self._append_clock(stale_or_fault, topic, partition, wall)
        return said

    def _append_clock(self, event: TimeAdvanced, topic: str, partition: int, wall: int) -> None:
        self._append(RawRecord(topic, partition, 0, wall, None, codec.encode(event), ()))

    def _append(self, raw: RawRecord) -> Place:
        """Put a record at the end of its log; transactions leave gaps between offsets."""
        log = self._logs.setdefault((raw.topic, raw.partition), [])
        offset = log[-1].offset + self._random.choice((1, 1, 2)) if log else 0
        log.append(raw._replace(offset=offset))
        return Place(raw.topic, raw.partition, offset)

    def _misroute(self, raw: RawRecord) -> None:
        random = self._random
        elsewhere, third = random.sample([number for number in range(3) if number != raw.partition], 2)
        place = self._append(raw._replace(partition=elsewhere))
        forwarded = raw._replace(headers=((*raw.headers, hop_header(place))))
        match random.choice(("at once",) * 5 + ("later",) * 3 + ("twice", "wrongly")):
            case "at once":
                self._append(forwarded)
            case "later":
                self._forwarded.append(forwarded)
            case "twice":
                self._append(forwarded)
                self._forwarded.append(forwarded)
            case _:
                self._append(forwarded._replace(partition=third))

    def _spoil(self, raw: RawRecord, event: Event) -> None:
        random = self._random
        fault = random.choice(("undecodable", "invalid", "wrong key", "too early", "just in time", "wrong topic"))
        if not isinstance(event, CustomerEvent):
            fault = "undecodable"
        match fault:
            case "undecodable":
                spoilt = undecodable_of(random, raw)
            case "invalid":
                spoilt = raw._replace(value=codec.encode(invalid_of(random, event, raw.timestamp)))
            case "wrong key":
                spoilt = wrong_key_of(random, raw)
            case "too early":
                spoilt = early_of(event, raw)
            case "just in time":
                spoilt = just_in_time(event, raw)
            case _:
                spoilt = raw._replace(topic=random.choice((topics.NAMES, *topics.CLOCKED_TOPICS)))
        place = self._append(spoilt)
        if spoilt.topic == raw.topic:
            self.meant[place] = raw._replace(offset=place.offset)
