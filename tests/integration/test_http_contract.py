"""What a worker answers over HTTP is what docs/openapi.json says: by requests that are made from it, and status by status."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from creditstream.wall_clock import now_microseconds
from schemas.instants import MICROSECONDS_PER_DAY, format_instant
from schemas.json_form import write_object
from streams.api.openapi import openapi
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import running_stack
from tests.support.building import consume, grant
from tests.support.http_workers import (
    ALL,
    EMITTER,
    OPERATOR,
    READER,
    STRANGER,
    HttpWorkers,
    asking,
    until_alive,
)
from tests.support.schema_registry import StubRegistry, registry_running
from tests.support.worker_processes import Broker, WorkerProcess

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = openapi()
SCHEMA = schemathesis.openapi.from_dict(PAGE)
EXAMPLES = 40
BODY_BYTES = 20_000
EVENTS = 5
SOME_STORED = 207


@pytest.fixture(scope="module")
def workers(data_folder: Path) -> Iterator[HttpWorkers]:
    """Give two workers on a broker of this module's own, which take small bodies only."""
    found = with_free_ports(read_settings(os.environ))
    with running_stack(found, data_folder=data_folder / "contract-stack", cache_folder=CHECKOUT / ".cache") as running:
        broker = Broker(running.bootstrap_servers, 4)
        limits = {"CREDITS_HTTP_BODY_BYTES": str(BODY_BYTES), "CREDITS_HTTP_EVENTS": str(EVENTS)}
        with HttpWorkers(broker, data_folder / "contract-workers", count=2, **limits).running() as started:
            yield started


@pytest.fixture(scope="module")
def address(workers: HttpWorkers) -> str:
    return workers.workers[0].address


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
def test_what_is_answered_is_what_the_page_says(case, address):
    """Statuses, media types, headers and bodies are documented, wrong input is refused, and nothing is a bug."""
    if case.query and "after" in case.query:
        # A record that never comes is waited for; the time is tested elsewhere.
        case.query["wait_seconds"] = 0
    response = case.call(base_url=address, headers={"Authorization": f"Bearer {ALL}"}, timeout=30)
    is_late = response.status_code == 504 and "after" in (case.query or {})
    assert response.status_code < 500 or is_late, response.text
    excluded = [not_a_server_error, positive_data_acceptance]  # limits of instants and money are in no schema
    if response.status_code == SOME_STORED:
        # Of a list that is not by the schema the right events are stored, and the others refused one by one.
        assert any(one["status"] == "refused" for one in response.json()["events"])
        excluded.append(negative_data_rejection)
    case.validate_response(response, excluded_checks=excluded)


def conforms(answer, method: str, path: str) -> bool:
    """Tell whether an answer is one that the page has for a request; the page has its status."""
    schema = PAGE["paths"][path][method]["responses"][str(answer.status)]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": PAGE["components"]}).validate(answer.body)
    return True


BALANCES = "/v1/balances/{organization_id}/{customer_id}"
EXPLAIN = "/v1/explain/{organization_id}/{customer_id}/{event_id}"


async def test_each_status_of_a_question(workers):
    """200, 400, 401, 403, 404 and 504, with a body as documented; 410 and 503 are tested where they come about."""
    day = now_microseconds() - MICROSECONDS_PER_DAY
    [customer_id, _] = await workers.customers()
    number = workers.number_of(customer_id)
    first, second = workers.workers
    events = [
        write_object(grant("g", "5", day, customer_id=customer_id)),
        write_object(consume("e", "2", day, customer_id=customer_id)),
    ]
    async with asking(first, EMITTER) as emit:
        sent = await emit.post(events)
        assert (sent.status, conforms(sent, "post", "/v1/events")) == (200, True)
    path, explain = f"/v1/balances/o1/{customer_id}", f"/v1/explain/o1/{customer_id}/e"
    places = [one["after"] for one in sent.body["events"]]
    for worker in (first, second):
        async with asking(worker, READER) as ask:
            for asked, template in ((path, BALANCES), (explain, EXPLAIN)):
                answer = await ask(asked, after=places)
                assert (answer.status, conforms(answer, "get", template)) == (200, True)
                late = await ask(asked, after=f"credits.grants/{number}/999", wait_seconds=0)
                assert (late.status, conforms(late, "get", template)) == (504, True)
                wrong = [
                    {"after": "credits.names/0/0"},
                    {"after": f"credits.grants/{number}/-1"},
                    {"after": f"credits.grants/{number + 1}/0"},
                    {"after": places * 20},
                    {"wait_seconds": 61},
                    {"wait_seconds": "1.5"},
                    {"wait_seconds": [1, 2]},
                    {"no_parameter": 1},
                ]
                for parameters in wrong:
                    answer = await ask(asked, **parameters)
                    assert (answer.status, conforms(answer, "get", template)) == (400, True), parameters
                    assert answer.body["error"]["field"] == next(iter(parameters))
            for parameters in ({"as_of": "noon"}, {"as_of": "2200-01-01T00:00:00Z"}, {"credit_type": ""}):
                assert (await ask(path, **parameters)).status == 400
            assert (await ask("/v1/balances/o1/a%7Cb")).body["error"]["field"] == "customer_id"
            missing = await ask(f"{explain}x")
            assert (missing.status, conforms(missing, "get", EXPLAIN)) == (404, True)
        for token, status in ((None, 401), ("unknown", 401), (EMITTER, 403), (OPERATOR, 403), (STRANGER, 403)):
            async with asking(worker, token) as ask:
                answer = await ask(path)
                assert (answer.status, conforms(answer, "get", BALANCES)) == (status, True)


async def test_each_status_of_events_that_are_brought(workers):
    """200, 207, 400, 401, 403, 413, 415 and 422, with a body as documented."""
    good = write_object(consume("brought", "1", now_microseconds() - MICROSECONDS_PER_DAY, customer_id="c1"))
    bad = {**good, "amount": "0"}
    json = {"Content_Type": "application/json"}
    async with asking(workers.workers[0], EMITTER) as emit:
        answers = [
            (200, await emit.post(good)),
            (200, await emit.post([good] * EVENTS)),
            (207, await emit.post([good, bad])),
            (422, await emit.post(bad)),
            (422, await emit.post([7, bad])),
            (422, await emit.post(b"{}", Content_Type="application/cloudevents+json")),
            (400, await emit.post([])),
            (400, await emit.post(7)),
            (400, await emit.post(b"{", **json)),
            (400, await emit.post(b'{"a": 1, "a": 2}', **json)),
            (400, await emit.post(b"\xff", **json)),
            (400, await emit.post(b"[" * 10_000, **json)),
            (413, await emit.post([good] * (EVENTS + 1))),
            (413, await emit.post(b" " * (BODY_BYTES + 1), **json)),
            (415, await emit.post(b"{}", Content_Type="text/plain")),
            (415, await emit.post(b"{}", Content_Type="application/json; charset=latin-1")),
        ]
    for token, status in ((None, 401), (READER, 403), (OPERATOR, 403)):
        async with asking(workers.workers[0], token) as emit:
            answers.append((status, await emit.post(good)))
    for status, answer in answers:
        assert (answer.status, conforms(answer, "post", "/v1/events")) == (status, True), answer


async def test_an_emitter_of_another_organization_stores_nothing(workers):
    """A verdict on each event, so that a caller with several organizations learns which one is at fault."""
    good = write_object(consume("foreign", "1", now_microseconds() - MICROSECONDS_PER_DAY, customer_id="c1"))
    async with asking(workers.workers[0], STRANGER) as emit:
        answer = await emit.post([good, {**good, "organization_id": "o2"}])
        assert (answer.status, [one["status"] for one in answer.body["events"]]) == (207, ["refused", "stored"])
        assert answer.body["events"][0]["reason"] == "forbidden"


async def test_the_page_is_served_and_pages_for_operators_are_theirs(workers):
    """Health and metrics are open, what a worker holds is for operators."""
    async with asking(workers.workers[0], None) as ask:
        assert (await ask("/v1/openapi.json")).body == PAGE
        for path in ("/healthz", "/readyz"):
            answer = await ask(path)
            assert (answer.status, conforms(answer, "get", path)) == (200, True)
        async with ask._session.get("/metrics") as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
            assert 'credits_http_requests_total{route="/healthz",status="200"}' in await answer.text()
        assert (await ask("/partitions")).status == 401
    async with asking(workers.workers[0], OPERATOR) as ask:
        answer = await ask("/partitions")
        assert (answer.status, conforms(answer, "get", "/partitions")) == (200, True)


async def test_every_path_of_the_page_is_answered_and_no_other(workers):
    """The page and the routes are two lists; this keeps them one."""
    async with asking(workers.workers[0], ALL) as ask:
        for path in PAGE["paths"]:
            method = ask._session.post if "post" in PAGE["paths"][path] else ask._session.get
            async with method(path.format(organization_id="o1", customer_id="c1", event_id="e1")) as answer:
                assert answer.status != 404 or "no use of credits e1" in await answer.text(), path
        for path in ("/", "/v1", "/v1/balances/o1", "/v1/balances/o1/c1/", "/stats"):
            assert (await ask(path)).status == 404
        counted = {route.split('"')[1] for route in (await _metrics(ask)).splitlines() if "http_requests_total{route=" in route}
    assert counted == {*PAGE["paths"], "other"}


async def _metrics(ask) -> str:
    async with ask._session.get("/metrics") as answer:
        text: str = await answer.text()
        return text


async def test_a_token_that_asks_too_much_is_held_up(workers, tmp_path):
    """429 with Retry-After by a worker with a limit; what a request brings counts by its events."""
    with HttpWorkers(workers.broker, tmp_path / "limited", count=1, CREDITS_HTTP_RATE="10").started() as (limited,):
        await until_alive(limited)
        good = write_object(consume("limited", "1", now_microseconds() - MICROSECONDS_PER_DAY, customer_id="c1"))
        async with asking(limited, EMITTER) as emit:
            assert (await emit.post([good] * EVENTS)).status == 200
            answers = [await emit.post([good] * EVENTS) for _ in range(5)]
        held_up = next(answer for answer in answers if answer.status != 200)
        assert (held_up.status, conforms(held_up, "post", "/v1/events")) == (429, True)
        assert int(held_up.headers["Retry-After"]) >= 1
        async with asking(limited, READER) as ask:
            assert (await ask("/v1/balances/o1/c1", as_of=format_instant(now_microseconds()))).status != 429


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    with registry_running() as running:
        yield running


async def test_with_a_registry_events_are_written_behind_a_confluent_header(workers, registry, tmp_path):
    """As the client library and `credits emit` write them; while the registry is silent nothing is stored."""
    settings_ = {"CREDITS_SCHEMA_REGISTRY": registry.url}
    with HttpWorkers(workers.broker, tmp_path / "registered", count=1, **settings_).started() as (worker,):
        await until_alive(worker)
        good = write_object(consume("registered", "1", now_microseconds() - MICROSECONDS_PER_DAY, customer_id="c1"))
        async with asking(worker, EMITTER) as emit:
            registry.trouble = 503
            answer = await emit.post(good)
            assert (answer.status, conforms(answer, "post", "/v1/events")) == (503, True)
            registry.trouble = None
            answer = await emit.post(good)
            assert (answer.status, conforms(answer, "post", "/v1/events")) == (200, True)
            [verdict] = answer.body["events"]
    [stored] = [record for record in await workers.broker.records() if list(record.place) == _place_of(verdict)]
    assert stored.raw.value[:1] == b"\0"


def _place_of(verdict) -> list[object]:
    return [verdict[name] for name in ("topic", "partition", "offset")]


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        (
            {"CREDITS_WEB_HOST": "0.0.0.0", "CREDITS_TOKENS_FILE": ""},  # noqa: S104
            "CREDITS_WEB_HOST is '0.0.0.0', where other machines can ask",
        ),
        ({"CREDITS_TOKENS_FILE": "none.toml"}, "CREDITS_TOKENS_FILE is 'none.toml': there is no file none.toml"),
    ],
)
def test_a_worker_that_would_answer_anybody_or_nobody_does_not_start(workers, settings_, sentence, tmp_path):
    """With a sentence that names the setting."""
    refused = WorkerProcess({**workers.workers[0].environment, "CREDITS_WEB_PORT": "0", **settings_,
                             "CREDITS_STATE_FOLDER": str(tmp_path / "state")}, tmp_path / "refused.log")  # fmt: skip
    assert refused.wait() == 2
    assert sentence in refused.log_text()
    assert "Traceback" not in refused.log_text()
