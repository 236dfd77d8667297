"""What a worker says of itself: whether it is ready, and the tables over all partition numbers that it holds."""

from types import SimpleNamespace

import pytest

from projections.books import Books
from projections.keys import AccountKey, UsageKey
from projections.state import MemoryState
from projections.tables import CampaignCounterKey
from schemas.errors import SettingsError
from schemas.events import CampaignSend
from schemas.topics import INPUT_TOPICS, partition_of
from streams.worker.partition import Phase
from streams.worker.tables import PositionKey, Tables
from streams.worker.web import free_port, unready
from tests.support.building import at, catalog, consume, grant, micro, records

PARTITION_COUNT = 4


def partition(number, *events):
    """Give an open partition number that has accepted some events."""
    state = MemoryState()
    Books(state, catalog=catalog()).apply(records(*events))
    positions = dict.fromkeys(INPUT_TOPICS, number + 7)
    return SimpleNamespace(number=number, committed=state, committed_positions=lambda: positions)


def number_of(customer_id):
    return partition_of(f"o1|{customer_id}".encode(), partition_count=PARTITION_COUNT)


@pytest.fixture
def tables():
    """Give the tables of a worker that holds the numbers of two customers, c1 and another one."""
    other = next(f"c{n}" for n in range(2, 50) if number_of(f"c{n}") != number_of("c1"))
    send = CampaignSend("camp", "center", "EMAIL", "PLAN", 3)
    opened = [
        partition(number_of("c1"), grant("g1", "10", "2026-03-01"), consume("e1", "4", "2026-03-02", activity=send)),
        partition(number_of(other), grant("g2", "20", "2026-03-01", customer_id=other)),
    ]
    held = SimpleNamespace(opened=lambda: opened)
    return SimpleNamespace(all=Tables(held, partition_count=PARTITION_COUNT), other=other)


def test_a_key_is_looked_up_where_its_customer_lies(tables):
    """One mapping over all numbers; iteration goes through all of them."""
    accounts = tables.all.accounts
    assert set(accounts) == {AccountKey("o1", "c1", "coins"), AccountKey("o1", tables.other, "coins")}
    assert len(accounts) == 2
    [lot] = accounts[AccountKey("o1", "c1", "coins")].lots
    assert (lot.grant_id, lot.used_micro) == ("g1", micro("4"))
    assert tables.all.usage[UsageKey("o1", "c1", at("2026-03-02"), "e1")].event.amount_micro == micro("4")
    key = CampaignCounterKey("o1", "c1", "coins", "camp", "center", "2026-03-02", "EMAIL", "PLAN")
    assert tables.all.campaign_counters[key].processed == 3


def test_a_customer_of_another_worker_is_not_found(tables):
    """A number that is not held here is as good as empty here."""
    numbers = {number_of("c1"), number_of(tables.other)}
    stranger = next(f"c{n}" for n in range(50) if number_of(f"c{n}") not in numbers)
    with pytest.raises(KeyError):
        tables.all.accounts[AccountKey("o1", stranger, "coins")]


def test_positions_are_read_by_topic_and_number(tables):
    """Every input topic of every number that is open."""
    number = number_of("c1")
    positions = tables.all.positions
    assert len(positions) == 2 * len(INPUT_TOPICS) == len(set(positions))
    assert positions[PositionKey(INPUT_TOPICS[0], number)] == number + 7
    with pytest.raises(KeyError):
        positions[PositionKey(INPUT_TOPICS[0], 99)]


def held(*, is_member=True, assigned=(), parked=(), phases=None):
    return SimpleNamespace(
        is_member=is_member, assigned=frozenset(assigned), parked=frozenset(parked), phases=lambda: phases or {}
    )


def test_a_worker_is_ready_when_all_that_it_was_given_is_open():
    """A worker that was given nothing is ready as well; every number that is not open is a reason."""
    assert unready(held(is_member=False)) == ["the group has given no partition numbers to this worker yet"]
    assert unready(held()) == []
    assert unready(held(assigned={0, 1}, phases={0: Phase.OPEN, 1: Phase.OPEN})) == []
    assert unready(held(assigned={0, 1, 2}, parked={2}, phases={0: Phase.RESTORING})) == [
        "partition number 2 is parked: a law is broken, see the log",
        "partition number 0 is restoring",
        "partition number 1 is waiting to be opened",
    ]


def test_a_port_that_is_taken_stops_the_start():
    """The sentence names the settings; 0 takes any port that is free."""
    port = free_port("127.0.0.1", 0)
    assert free_port("127.0.0.1", port) == port
    with pytest.raises(SettingsError, match=r"CREDITS_WEB_HOST and CREDITS_WEB_PORT are 203\.0\.113\.1:1"):
        free_port("203.0.113.1", 1)
