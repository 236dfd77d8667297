"""Questions to a state of which an account is being derived, which no real worker can be made to be at a chosen instant."""

import asyncio
from types import SimpleNamespace

import pytest
from jsonschema import Draft202012Validator

from projections.books import Books
from projections.pieces import Pieces
from projections.state import MemoryState
from projections.times import times_of
from schemas.topics import INPUT_TOPICS
from streams.api.held import Held
from streams.api.openapi import openapi
from streams.api.reading import Reading
from streams.api.tokens import Role
from tests.support.building import catalog, consume, grant, records
from tests.support.http_serving import serving, told

PAGE = openapi()
BALANCES = Draft202012Validator({"$ref": "#/components/schemas/Balances", "components": PAGE["components"]})
SMALL = Pieces(chunk_uses=2, step_uses=2, step_rows=2, due_accounts=1, dropped_uses=2)
DAYS = [f"2026-03-{day:02}" for day in range(2, 20)]


class Story:
    """An account with uses on many days, into which one from before them comes late."""

    def __init__(self):
        self.state = MemoryState()
        self.books = Books(self.state, catalog=catalog(), pieces=SMALL)
        uses = [consume(f"e{day}", "2", day) for day in DAYS]
        self.books.apply(records(grant("g1", "10", "2026-03-01"), grant("g2", "100", "2026-03-01", priority=60), *uses))

    def begin(self) -> None:
        """Let the late use come, and do the first piece of what follows from it."""
        accepted = self.books.accept(records(consume("late", "3", "2026-03-01T12:00:00Z")))
        list(self.books.balance_changes(accepted))

    def reading(self) -> Reading:
        positions = dict.fromkeys(INPUT_TOPICS, 7)
        partition = SimpleNamespace(
            number=0, committed=self.state, committed_positions=lambda: positions, times=lambda: times_of(self.state)
        )
        return Reading(Held(lambda: [partition]), None, catalog=catalog(), partition_count=1)


@pytest.fixture
def story() -> Story:
    return Story()


async def test_an_account_that_is_being_derived_says_so_until_it_is_done(story):
    """With the figures that were published last, where they tell the instant; an explanation comes later."""
    reading = story.reading()
    routes = [
        ("GET", "/v1/balances/{organization_id}/{customer_id}", reading.balances, Role.READER),
        ("GET", "/v1/explain/{organization_id}/{customer_id}/{event_id}", reading.explanation, Role.READER),
    ]
    async with serving(routes) as served:

        async def balance(as_of):
            async with served.session.get("/v1/balances/o1/c1", params={"as_of": as_of}) as answer:
                body = await answer.json()
                BALANCES.validate(body)
                [found] = body["balances"]
                return found

        at_the_end, in_between = "2026-03-25T00:00:00Z", f"{DAYS[4]}T12:00:00Z"
        before = await balance(at_the_end)
        assert (before["used"], before["deriving"]) == ("36", False)
        story.begin()
        pieces = 0
        while story.books.has_due():
            pieces += 1
            assert await balance(at_the_end) == {**before, "deriving": True}
            assert await balance(in_between) == {
                "organization_id": "o1",
                "customer_id": "c1",
                "credit_type": "coins",
                "as_of": in_between,
                "deriving": True,
            }
            async with served.session.get(f"/v1/explain/o1/c1/e{DAYS[4]}") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                assert "are being derived after a late event; ask again" in await told(answer)
            list(story.books.due_changes())
        assert pieces > 1
        assert await balance(at_the_end) == {**before, "used": "39", "balance": "71", "available": "71"}
        assert (await balance(in_between))["used"] == "13"
        async with served.session.get(f"/v1/explain/o1/c1/e{DAYS[4]}") as answer:
            assert (answer.status, (await answer.json())["paid"]) == (200, "2")


async def test_only_so_many_wait_at_a_time(story, monkeypatch):
    """Each looks again and again; one more is told to ask again."""
    monkeypatch.setattr("streams.api.held._WAITING_MAX", 2)
    routes = [("GET", "/v1/balances/{organization_id}/{customer_id}", story.reading().balances, Role.READER)]
    async with serving(routes) as served:
        asked = {"after": "credits.grants/0/7", "wait_seconds": "1"}

        async def status() -> int:
            async with served.session.get("/v1/balances/o1/c1", params=asked) as answer:
                return answer.status

        assert sorted(await asyncio.gather(*[status() for _ in range(4)])) == [503, 503, 504, 504]
