"""What every request passes, on a real server of its own, without a worker behind it."""

import asyncio
import logging

import pytest
from aiohttp import web

from schemas.errors import TransientError
from streams.api import emitting
from streams.api.emitting import JSON, Bounds, Emitting
from streams.api.limits import Limits
from streams.api.refused import Refused
from streams.api.sender import Sender
from streams.api.tokens import Role, Tokens, digest_of
from tests.support.http_serving import entry, serving, told
from tests.support.worker_processes import wait_for


async def hello(_request):
    return web.json_response({"hello": True})


def failing(error):
    async def fail(_request):
        raise error

    return fail


async def test_whatever_goes_wrong_is_json_with_a_sentence(caplog):
    """Never a traceback; a bug is told in the log, and only that it is one to the caller."""
    handlers = [
        ("GET", "/refused", failing(Refused(418, "no coffee", field="pot", retry_seconds=7)), None),
        ("GET", "/closed", failing(TransientError("closed")), None),
        ("GET", "/bug", failing(RuntimeError("a secret of the inside")), None),
    ]
    async with serving(handlers) as served:
        answer = await served.session.get("/refused")
        assert (answer.status, answer.headers["Retry-After"]) == (418, "7")
        assert await answer.json() == {"error": {"field": "pot", "sentence": "no coffee"}}
        answer = await served.session.get("/closed")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        with caplog.at_level(logging.ERROR):
            answer = await served.session.get("/bug")
        assert answer.status == 500
        assert "secret" not in await answer.text()
        assert "a secret of the inside" in caplog.text
        assert "openapi.json" in await told(await served.session.get("/nothing"))
        answer = await served.session.post("/bug")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
        await told(answer)
        counts = [served.count(*one) for one in (("/refused", 418), ("/bug", 500), ("other", 404), ("other", 405))]
        assert counts == [1, 1, 1, 1]


async def test_without_tokens_no_page_of_a_browser_can_ask():
    """Neither a page of another origin, nor a name that was bound to the loopback address."""
    async with serving([("GET", "/v1", hello, Role.READER), ("GET", "/healthz", hello, None)]) as served:
        assert (await served.session.get("/v1")).status == 200
        for path in ("/v1", "/healthz"):
            for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Host": "evil.example:80"}):
                assert (await served.session.get(path, headers=headers)).status == 403
        for host in ("localhost:1", "127.0.0.1", "127.0.0.2:80", "[::1]:80", "[::1]"):
            assert (await served.session.get("/v1", headers={"Host": host})).status == 200


@pytest.fixture
def tokens(tmp_path):
    """Give the tokens of a reader of o1, and of an operator."""
    file = tmp_path / "tokens.toml"
    operator = entry("operator", digest=digest_of("ops"), organizations='"*"', roles='["operator"]')
    file.write_text(entry("reader", digest=digest_of("read")) + operator)
    return Tokens(file)


async def test_who_asks_is_known_and_allowed(tokens):
    """401 for nobody, 403 for somebody else, and the health pages for everybody."""
    handlers = [
        ("GET", "/v1/{organization_id}", hello, Role.READER),
        ("GET", "/partitions", hello, Role.OPERATOR),
        ("GET", "/healthz", hello, None),
    ]
    async with serving(handlers, tokens=tokens) as served:

        async def status_of(path, authorization=None):
            headers = {} if authorization is None else {"Authorization": authorization}
            answer = await served.session.get(path, headers=headers)
            assert answer.status == 200 or await told(answer)
            assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (answer.status == 401)
            return answer.status

        for nobody in (None, "Bearer", "Bearer ", "Basic read", "Bearer reader", "read"):
            assert await status_of("/v1/o1", nobody) == 401
        assert await status_of("/v1/o1", "Bearer read") == 200
        assert await status_of("/v1/o1", "bearer  read") == 200
        assert await status_of("/v1/o2", "Bearer read") == 403
        assert await status_of("/v1/o1", "Bearer ops") == 403
        assert await status_of("/partitions", "Bearer ops") == 200
        assert await status_of("/partitions", "Bearer read") == 403
        assert await status_of("/healthz") == 200


async def test_a_caller_that_asks_too_much_waits(tokens):
    """Each token has a limit of its own, and is told when to ask again."""
    async with serving([("GET", "/v1/{organization_id}", hello, Role.READER)], tokens=tokens, rate=1) as served:
        headers = {"Authorization": "Bearer read"}
        assert (await served.session.get("/v1/o1", headers=headers)).status == 200
        answer = await served.session.get("/v1/o1", headers=headers)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert "reader" in await told(answer)


async def test_where_kafka_does_not_answer_events_are_not_taken():
    """The sentence says that they may be stored, and that it is harmless to send them again."""
    sender = Sender("127.0.0.1:1", seconds=1)
    emitting = Emitting(sender, Limits(0, clock=lambda: 0.0), Bounds(2000, 3, 4), registry=None)
    event = {
        "type": "CreditVoided", "event_id": "v", "organization_id": "o1", "customer_id": "c1", "grant_id": "g",
        "occurred_at": "2026-03-01T00:00:00Z",
    }  # fmt: skip
    async with serving([("POST", "/v1/events", emitting.take, Role.EMITTER)]) as served:
        answer = await served.session.post("/v1/events", json=event)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "send it again, a copy of an event changes nothing" in await told(answer)
        # What is no event needs no Kafka.
        assert (await served.session.post("/v1/events", json={})).status == 422
        assert (await served.session.post("/v1/events", json=[event] * 4)).status == 413
        assert (await served.session.post("/v1/events", data=b" " * 2001, headers={"Content-Type": JSON})).status == 413
        assert (await served.session.post("/v1/events", data=b" " * 2000, headers={"Content-Type": JSON})).status == 400
        lying = {"Content-Type": JSON, "Content-Encoding": "gzip"}
        assert (await served.session.post("/v1/events", data=b"no gzip", headers=lying)).status == 400
    await sender.close()


async def begin_a_body(served):
    """Begin a request whose body does not come; gives what reads and writes its connection."""
    host, _, port = served.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: {JSON}\r\nContent-Length: 9\r\n\r\n{{".encode())
    await writer.drain()
    return reader, writer


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch, caplog):
    """408 within the time; a caller that goes away in the middle is no bug."""
    monkeypatch.setattr(emitting, "_READ_SECONDS", 0.2)
    taking = Emitting(Sender("127.0.0.1:1", seconds=1), Limits(0, clock=lambda: 0.0), Bounds(2000, 3, 4), registry=None)
    async with serving([("POST", "/v1/events", taking.take, Role.EMITTER)]) as served:
        reader, writer = await begin_a_body(served)
        async with asyncio.timeout(10):
            assert b" 408 " in await reader.readline()
        writer.close()
        monkeypatch.setattr(emitting, "_READ_SECONDS", 10)
        _, writer = await begin_a_body(served)
        writer.close()
        await writer.wait_closed()

        async def is_answered() -> bool:
            return bool(served.count("/v1/events", 400))

        await wait_for(is_answered, seconds=10)
    assert "bug" not in caplog.text
