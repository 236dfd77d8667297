"""Many events of many accounts, made partition number by partition number, so that several processes can make them at once.

Time runs from the first event to the last over 60 days, and what is accepted reaches back 70 days: nothing settles on the
way, and all of it is open at the end.
"""

import asyncio
import itertools
import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from bench.feed import KINDS, Account, FeedRecord, Kinds, NumberFeed, Shape, accounts_of, feed_of_number
from bench.feeding import Sender
from schemas.events import CreditConsumed
from schemas.topics import partition_of

DAYS = 60
LATE_SHARE = 0.01
USES_ONLY: Kinds = ((CreditConsumed, 1.0),)

_DUPLICATE_SHARE = 0.02
_CHUNK_RECORDS = 20_000
_PROCESS_COUNT = 2
_CREDITS_OF_A_USE = 2.5


class Crowd(NamedTuple):
    """So many events, after the first grants of so many accounts.

    Accounts are chosen by chance: `is_even` all alike, else so that the busiest of n has 1/√n of the events.
    """

    account_count: int
    event_count: int
    kinds: Kinds = KINDS
    is_even: bool = False
    first_grants: int = 1

    @property
    def opening_count(self) -> int:
        """How many grants there are before the events."""
        return self.account_count * self.first_grants


class NumberOfCrowd(NamedTuple):
    """The part of a crowd that lies in one partition number; small, so that it is easily handed to another process."""

    shape: Shape
    seed: int
    event_count: int
    partition_count: int
    number: int

    def feed(self) -> NumberFeed:
        """Make its records."""
        return feed_of_number(
            self.shape,
            seed=self.seed,
            event_count=self.event_count,
            partition_count=self.partition_count,
            number=self.number,
        )


def numbers_of(crowd: Crowd, *, partition_count: int) -> list[NumberOfCrowd]:
    """Give the parts of a crowd, each with its share of the events; a partition number without an account has none."""
    by_number: dict[int, list[Account]] = {}
    for account in accounts_of(crowd.account_count)[: crowd.account_count]:
        key = f"{account.organization_id}|{account.customer_id}".encode()
        by_number.setdefault(partition_of(key, partition_count=partition_count), []).append(account)
    parts, account_count, given_count = [], 0, 0
    for number, accounts in sorted(by_number.items()):
        account_count += len(accounts)
        event_count = crowd.event_count * account_count // crowd.account_count - given_count
        given_count += event_count
        if event_count > 0:
            shape = _shape_of(crowd, accounts, event_count)
            parts.append(NumberOfCrowd(shape, number, event_count, partition_count, number))
    return parts


def _shape_of(crowd: Crowd, accounts: Sequence[Account], event_count: int) -> Shape:
    count = len(accounts)
    used = event_count / count * _CREDITS_OF_A_USE
    # Grants pay for the most part, and are spent one after the other.
    least = max(1, int(used * 0.7 / crowd.first_grants))
    return Shape(
        accounts,
        [place if crowd.is_even else (place / count) ** 0.5 for place in range(1, count + 1)],
        crowd.kinds,
        duplicate_share=_DUPLICATE_SHARE,
        late_share=LATE_SHARE,
        days=DAYS,
        first_grants=crowd.first_grants,
        credits_of_grant=(least, 2 * least),
        tick_every=max(1, event_count // DAYS),
    )


async def send_opening(servers: str, parts: Sequence[NumberOfCrowd]) -> None:
    """Send the grants that come first."""
    await _send_by_processes(servers, parts, is_opening=True)


async def send_body(servers: str, parts: Sequence[NumberOfCrowd]) -> None:
    """Send the events that come after the first grants."""
    await _send_by_processes(servers, parts, is_opening=False)


async def _send_by_processes(servers: str, parts: Sequence[NumberOfCrowd], *, is_opening: bool) -> None:
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(_PROCESS_COUNT, mp_context=multiprocessing.get_context("spawn")) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, _send, servers, part, is_opening) for part in parts))


def _send(servers: str, part: NumberOfCrowd, is_opening: bool) -> None:
    # The topics were made a moment ago, and aiokafka tells each time that a partition has no leader yet.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    feed = part.feed()
    if not is_opening:
        # What comes first decides what comes after it, and is made again.
        for _ in feed.opening:
            pass
    asyncio.run(_send_records(servers, feed.opening if is_opening else feed.body))


async def _send_records(servers: str, records: Iterator[FeedRecord]) -> None:
    async with Sender(servers) as sender:
        while chunk := list(itertools.islice(records, _CHUNK_RECORDS)):
            await sender.send(sender.pack(chunk))
