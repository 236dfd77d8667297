"""HTTP on two real workers and a real broker: whichever is asked answers, and what it answers is the fold of the topics."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import pytest

from creditstream.wall_clock import now_microseconds
from projections.explanation import explain
from projections.fold import fold, fold_rows
from projections.results import explanation_facts
from projections.rows import AllocationRow, LedgerRow, LotRow
from schemas.catalog import parse_catalog
from schemas.checks import ACCEPTANCE_WINDOW
from schemas.events import TimeAdvanced
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, format_instant
from schemas.json_form import write_object
from streams.api.forwarding import HOP_HEADER
from streams.api.sender import Sender
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack
from streams.kafka.clients import read_spans, reader_of, spans_of
from streams.kafka.control import CONTROL_LOG, Owner, owner_of, owner_record
from tests.support.building import campaign, consume, grant, monthly, reverse, void
from tests.support.http_workers import ALL, CATALOG, EMITTER, READER, HttpWorkers, asking
from tests.support.worker_processes import Broker, wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
PARTITION_COUNT = 4
NOW = now_microseconds()
TAKEOVER_SECONDS = 60
SEND_SECONDS = 2


def days_ago(days: float) -> int:
    return NOW - int(days * MICROSECONDS_PER_DAY)


@pytest.fixture(scope="module")
def stack_of_workers(data_folder: Path) -> Iterator[Stack]:
    """Give a broker of this module's own."""
    settings = with_free_ports(read_settings(os.environ))
    with running_stack(settings, data_folder=data_folder / "http-stack", cache_folder=CHECKOUT / ".cache") as running:
        yield running


@pytest.fixture(scope="module")
def workers(stack_of_workers: Stack, data_folder: Path) -> Iterator[HttpWorkers]:
    """Give two workers."""
    broker = Broker(stack_of_workers.bootstrap_servers, PARTITION_COUNT)
    limits = {"CREDITS_HTTP_SEND_SECONDS": str(SEND_SECONDS)}
    with HttpWorkers(broker, data_folder / "http-workers", count=2, **limits).running() as started:
        yield started


@pytest.fixture
def frozen_kafka(stack_of_workers: Stack) -> Callable[[], AbstractContextManager[None]]:
    """Give a block in which the broker stands still."""
    process = stack_of_workers.processes.child_of("kafka").process

    @contextlib.contextmanager
    def frozen() -> Iterator[None]:
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    return frozen


def story_of(customer_id: str, name: str) -> list[dict[str, object]]:
    """Give what happens to a customer: grants of both kinds, use before and after now, a reversal, a void."""
    told = [
        grant(f"{name}-once", "100", days_ago(30), expires_at=days_ago(-20), customer_id=customer_id),
        grant(f"{name}-addon", "20", days_ago(30), scope=["ADDON"], customer_id=customer_id),
        monthly(f"{name}-monthly", "10", days_ago(40), priority=10, customer_id=customer_id, credit_type="hours"),
        consume(f"{name}-used", "30", days_ago(9), customer_id=customer_id),
        consume(f"{name}-more", "80.5", days_ago(8), customer_id=customer_id),
        consume(f"{name}-late", "7", days_ago(20), customer_id=customer_id),
        consume(f"{name}-ahead", "2.25", days_ago(-3), recorded_at=NOW, customer_id=customer_id, credit_type="hours"),
        reverse((f"{name}-used", days_ago(9)), "4", days_ago(7), customer_id=customer_id),
        void(f"{name}-addon", days_ago(2), customer_id=customer_id),
    ]
    return [write_object(event) for event in told]


def after_of(answer) -> list[str]:
    """Give where a reader waits to see all events of an answer."""
    assert answer.status == 200, answer.body
    return [verdict["after"] for verdict in answer.body["events"]]


async def test_a_caller_sees_its_own_events_whichever_worker_it_asks(workers):
    """Sent to one worker, asked of the other, in both directions: the balance is the fold of the topics."""
    customers = await workers.customers()
    catalog = parse_catalog(CATALOG)
    for sent_to, asked_of in ((0, 1), (1, 0)):
        for index, customer_id in enumerate(customers):
            name = f"own-{sent_to}-{index}"
            async with asking(workers.workers[sent_to], EMITTER) as emit:
                places = after_of(await emit.post(story_of(customer_id, name)))
            async with asking(workers.workers[asked_of], READER) as ask:
                for as_of in (NOW, days_ago(8.5), days_ago(-2), days_ago(-25)):
                    answer = await ask(f"/v1/balances/o1/{customer_id}", as_of=format_instant(as_of), after=places)
                    assert answer.status == 200, answer.body
                    folded = fold(await workers.broker.records(), catalog=catalog, as_of=as_of)["balances"]
                    expected = [{**one, "deriving": False} for one in folded if one["customer_id"] == customer_id]
                    assert answer.body["balances"] == expected
                    assert len(expected) == 2
                    assert answer.body["partition"] == workers.number_of(customer_id)
                [coins] = (await ask(f"/v1/balances/o1/{customer_id}", credit_type="coins")).body["balances"]
                assert coins["credit_type"] == "coins"


async def test_an_explanation_is_that_of_the_rows_whichever_worker_is_asked(workers):
    """What a consumption was paid by, with and without its instant; of two by one id the one that is meant."""
    customers = await workers.customers()
    for customer_id in customers:
        async with asking(workers.workers[0], EMITTER) as emit:
            places = after_of(await emit.post(story_of(customer_id, "why")))
        rows = fold_rows(await workers.broker.records(), catalog=parse_catalog(CATALOG)).rows
        for event_id in ("why-used", "why-more", "why-ahead"):
            uses = [row for row in rows.of(LedgerRow) if (row.customer_id, row.event_id) == (customer_id, event_id)]
            [use] = uses
            [allocation] = [row for row in rows.of(AllocationRow) if (row.customer_id, row.event_id) == (customer_id, event_id)]
            lots = [row for row in rows.of(LotRow) if (row.customer_id, row.credit_type) == (customer_id, use.credit_type)]
            assert lots
            expected = explanation_facts(explain(use, allocation, lots), as_of=use.occurred_at)
            for worker in workers.workers:
                async with asking(worker, READER) as ask:
                    path = f"/v1/explain/o1/{customer_id}/{event_id}"
                    answer = await ask(path, after=places)
                    assert (answer.status, answer.body) == (200, expected)
                    answer = await ask(path, occurred_at=format_instant(use.occurred_at))
                    assert (answer.status, answer.body) == (200, expected)
                    assert (await ask(path, occurred_at=format_instant(use.occurred_at + 1))).status == 404
                    assert (await ask(f"{path}x")).status == 404


async def test_a_customer_without_accounts_has_an_empty_list(workers):
    """Nothing was granted and nothing used, which is no error of whoever checks a balance; so with ids that need encoding."""
    for customer_id in ("nobody", "a%2Fb", "%C3%B6%20%3F%23"):
        for worker in workers.workers:
            async with asking(worker, READER) as ask:
                answer = await ask(f"/v1/balances/o1/{customer_id}")
                assert (answer.status, answer.body["balances"]) == (200, [])


async def test_a_record_that_does_not_come_ends_the_wait(workers):
    """504 with how far the log is, by whichever worker is asked, within the time that was asked for."""
    for customer_id in await workers.customers():
        number = workers.number_of(customer_id)
        for worker in workers.workers:
            async with asking(worker, READER) as ask:
                answer = await ask(f"/v1/balances/o1/{customer_id}", after=f"credits.voids/{number}/99999", wait_seconds=1)
                assert answer.status == 504
                assert f"credits.voids/{number}/99999 was not applied within 1 s" in answer.sentence


async def test_each_event_has_a_verdict_of_its_own(workers):
    """Some stored, some refused, each with field and sentence; the refused ones are nowhere in the topics."""
    good = write_object(consume("verdict-good", "1", days_ago(1), customer_id="c1"))
    master = write_object(campaign(event_id="verdict-campaign"))
    bodies = [
        good,
        {**good, "event_id": "verdict-amount", "amount": 1},
        {**good, "event_id": "verdict-colour", "colour": "red"},
        {**good, "event_id": "verdict-other", "organization_id": "o2"},
        {**good, "event_id": "verdict-early", "recorded_at": format_instant(NOW + 2 * MICROSECONDS_PER_HOUR)},
        {"type": "TimeAdvanced", "as_of": format_instant(NOW)},
        "no event",
        master,
    ]
    async with asking(workers.workers[0], EMITTER) as emit:
        answer = await emit.post(bodies)
        assert (answer.status, answer.body["stored"], answer.body["refused"]) == (207, 2, 6)
        verdicts = answer.body["events"]
        assert [one["index"] for one in verdicts] == list(range(len(bodies)))
        assert [one["status"] for one in verdicts] == ["stored", *["refused"] * 6, "stored"]
        assert [(one["reason"], one["field"]) for one in verdicts[1:7]] == [
            ("invalid", "amount"),
            ("invalid", "colour"),
            ("forbidden", "organization_id"),
            ("invalid", "recorded_at"),
            ("invalid", "type"),
            ("invalid", None),
        ]
        assert all(one["sentence"] for one in verdicts[1:7])
        assert verdicts[7]["topic"] == "credits.campaigns"
        assert verdicts[7]["after"] is None
        assert (await emit.post(bodies[1:7])).status == 422
    stored = {
        record.content.event_id: record for record in await workers.broker.records() if hasattr(record.content, "event_id")
    }
    assert {name for name in stored if name.startswith("verdict")} == {"verdict-good", "verdict-campaign"}
    record = stored["verdict-good"]
    assert list(record.place) == [verdicts[0][name] for name in ("topic", "partition", "offset")]
    # Recorded when it was sent, since it does not say when it was.
    unsaid = {name: value for name, value in good.items() if name != "recorded_at"} | {"event_id": "verdict-now"}
    async with asking(workers.workers[0], EMITTER) as emit:
        before = now_microseconds()
        assert (await emit.post(unsaid)).status == 200
    [now] = [record for record in await workers.broker.records() if getattr(record.content, "event_id", "") == "verdict-now"]
    assert before <= now.content.recorded_at <= now_microseconds()
    assert now.timestamp == now.content.recorded_at // 1000 * 1000


async def test_cloud_events_in_all_three_modes(workers):
    """One, several, and one in headers; each is the event that the plain form says."""
    event = write_object(void("g1", days_ago(1), event_id="cloud", customer_id="c1"))
    inside = {name: value for name, value in event.items() if name not in ("type", "event_id", "occurred_at")}
    envelope = {"specversion": "1.0", "source": "/crm", "type": "CreditVoided", "time": event["occurred_at"], "data": inside}
    one, two, three = ({**envelope, "id": f"cloud-{number}"} for number in (1, 2, 3))
    async with asking(workers.workers[0], EMITTER) as emit:
        places = after_of(await emit.post(json.dumps(one).encode(), Content_Type="application/cloudevents+json"))
        batch = json.dumps([two, {**three, "data": {**inside, "event_id": "another"}}]).encode()
        answer = await emit.post(batch, Content_Type="application/cloudevents-batch+json")
        assert (answer.status, answer.body["events"][1]["field"]) == (207, "event_id")
        headers = {f"ce_{name}": three[name] for name in ("specversion", "id", "source", "type", "time")}
        places += after_of(await emit.post(json.dumps(inside).encode(), Content_Type="application/json", **headers))
    said = [record.content for record in await workers.broker.records()]
    found = [one for one in said if getattr(one, "event_id", "").startswith("cloud")]
    expected = [{**event, "event_id": f"cloud-{number}"} for number in (1, 2, 3)]
    assert [{**write_object(one), "recorded_at": event["recorded_at"]} for one in sorted(found)] == expected
    assert len(places) == 2


async def test_what_is_settled_is_said_to_be_elsewhere(workers):
    """A balance, an explanation and an unknown use from before the boundary are 410, with where they are found."""
    [customer_id, _] = await workers.customers()
    async with asking(workers.workers[0], EMITTER) as emit:
        old = write_object(consume("settled", "1", days_ago(100), recorded_at=days_ago(1), customer_id=customer_id))
        places = after_of(await emit.post(old))
    boundary = NOW - NOW % MICROSECONDS_PER_DAY - ACCEPTANCE_WINDOW
    await workers.broker.send_clock(TimeAdvanced(now_microseconds(), boundary))
    asked_at = format_instant(boundary - 1)
    for worker in workers.workers:
        async with asking(worker, READER) as ask:

            async def is_settled(ask=ask) -> bool:
                answer = await ask(f"/v1/balances/o1/{customer_id}", as_of=asked_at, after=places)
                return answer.status == 410

            await wait_for(is_settled, seconds=TAKEOVER_SECONDS, workers=[one.process for one in workers.workers])
            answer = await ask(f"/v1/balances/o1/{customer_id}", as_of=asked_at)
            assert "'credits balance' and the view account_balances" in answer.sentence
            assert (await ask(f"/v1/balances/o1/{customer_id}")).status == 200
            unknown = await ask(f"/v1/explain/o1/{customer_id}/nothing", occurred_at=asked_at)
            assert (unknown.status, "'credits explain'" in unknown.sentence) == (410, True)

            async def is_final(ask=ask) -> bool:
                answer = await ask(f"/v1/explain/o1/{customer_id}/settled")
                return answer.status == 410 and "'credits explain' has it" in answer.sentence

            await wait_for(is_final, seconds=TAKEOVER_SECONDS, workers=[one.process for one in workers.workers])


async def test_a_second_hop_is_refused(workers):
    """Where two workers do not agree on the owner the caller asks again, and no request goes round in circles."""
    first, second = await workers.customers()
    for worker, elsewhere in zip(workers.workers, (second, first), strict=True):
        async with asking(worker, READER) as ask:
            ask._session.headers[HOP_HEADER] = "http://127.0.0.1:1"
            answer = await ask(f"/v1/balances/o1/{elsewhere}")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "is not open on the worker that is said to hold it" in answer.sentence


async def test_a_word_that_comes_too_late_is_said_over(workers):
    """Whoever holds a number says so again when it reads another's word on it, so that nobody is sent astray for long."""
    [_, customer_id] = await workers.customers()
    number = workers.number_of(customer_id)
    assert await last_owner(workers.broker, number) == Owner(number, workers.workers[1].address)
    sender = Sender(workers.broker.servers, seconds=10)
    [position] = await sender.send([owner_record(Owner(number, "http://127.0.0.1:1"))])
    await sender.close()

    async def is_said_again() -> bool:
        return await last_owner(workers.broker, number, after=position.offset) == Owner(number, workers.workers[1].address)

    await wait_for(is_said_again, seconds=TAKEOVER_SECONDS, workers=[one.process for one in workers.workers])
    async with asking(workers.workers[0], READER) as ask:

        async def is_found_again() -> bool:
            return (await ask(f"/v1/balances/o1/{customer_id}")).status == 200

        await wait_for(is_found_again, seconds=TAKEOVER_SECONDS, workers=[one.process for one in workers.workers])


async def last_owner(broker: Broker, number: int, *, after: int = -1) -> Owner | None:
    """Give the last word on who holds a number, of those after an offset."""
    last = None
    async with reader_of(broker.servers) as reader:
        async for records in read_spans(reader, await spans_of(reader, [CONTROL_LOG])):
            for record in records:
                owner = owner_of(record.key, record.value)
                last = owner if owner and owner.number == number and record.offset > after else last
    return last


async def test_while_kafka_stands_still_events_are_503_and_balances_are_answered(workers, frozen_kafka):
    """Within the time that is set; to send the events again is harmless, whatever became of the first time."""
    [customer_id, _] = await workers.customers()
    event = write_object(consume("twice", "1", days_ago(1), customer_id=customer_id))
    async with asking(workers.workers[0], ALL) as ask:
        before = await ask(f"/v1/balances/o1/{customer_id}", as_of=format_instant(NOW), credit_type="coins")
        with frozen_kafka():
            began = time.monotonic()
            answer = await ask.post(event)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert f"within {SEND_SECONDS} s; events of this request may still be stored: send it again" in answer.sentence
            assert time.monotonic() - began < SEND_SECONDS + 1
            during = await ask(f"/v1/balances/o1/{customer_id}", as_of=format_instant(NOW), credit_type="coins")
            assert during.body == before.body

        async def is_stored() -> bool:
            return (await ask.post(event)).status == 200

        await wait_for(is_stored, seconds=TAKEOVER_SECONDS, workers=[one.process for one in workers.workers])
        places = after_of(await ask.post(event))
        after = await ask(f"/v1/balances/o1/{customer_id}", as_of=format_instant(NOW), credit_type="coins", after=places)
    figures = [(Decimal(one["used"]) + Decimal(one["overage"])) for [one] in (before.body["balances"], after.body["balances"])]
    assert figures[1] - figures[0] == 1


async def test_an_owner_that_is_gone_is_503_until_another_has_taken_over(workers):
    """With a sentence and Retry-After; then the other worker answers itself, with the same figures."""
    survivor, victim = workers.workers
    [_, customer_id] = await workers.customers()
    async with asking(survivor, READER) as ask:
        before = await ask(f"/v1/balances/o1/{customer_id}", as_of=format_instant(NOW))
        assert before.status == 200
        victim.process.kill()
        answer = await ask(f"/v1/balances/o1/{customer_id}")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "another one takes it over within seconds" in answer.sentence

        async def answers() -> bool:
            answer = await ask(f"/v1/balances/o1/{customer_id}")
            assert answer.status in (200, 503), answer.body
            return answer.status == 200

        await wait_for(answers, seconds=TAKEOVER_SECONDS, workers=[survivor.process])
        after = await ask(f"/v1/balances/o1/{customer_id}", as_of=format_instant(NOW))
        assert after.body["balances"] == before.body["balances"]
    victim.start()
    await workers.holding()
    for worker in workers.workers:
        async with asking(worker, ALL) as ask:

            async def is_told(ask=ask) -> bool:
                answer = await ask(f"/v1/balances/o1/{customer_id}", as_of=format_instant(NOW))
                return answer.status == 200 and answer.body["balances"] == before.body["balances"]

            await wait_for(is_told, seconds=TAKEOVER_SECONDS, workers=[one.process for one in workers.workers])
