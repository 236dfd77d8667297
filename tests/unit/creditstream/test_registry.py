"""The schema registry, against a stub of its interface: which schemas count, what is remembered, and what is no answer."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from creditstream import Registry, RegistryAddress, credit_voided
from creditstream import registry as registry_module
from creditstream.registry import RegisteredNames
from schemas.codec import decode, encode, encode_registered, schema_id_of
from schemas.errors import DecodeError, SettingsError, TransientError
from schemas.records import RawRecord
from schemas.registered import newest_schema_of, shipped_name_of, subject_of
from schemas.shipped import shipped_schemas
from streams.kafka.registered import NO_SCHEMAS, RegisteredSchemas
from streams.settings import read_worker_settings
from tests.support.schema_registry import StubRegistry, registry_running

VOID = credit_voided(
    event_id="v1",
    organization_id="o1",
    customer_id="c1",
    occurred_at="2026-03-10T12:00:00Z",
    grant_id="g1",
    recorded_at="2026-03-10T12:00:00Z",
)
SHIPPED = newest_schema_of(type(VOID))
TEXT = json.dumps(SHIPPED.content)


@pytest.fixture
def stub() -> Iterator[StubRegistry]:
    """Give a stub that knows the schema of voids by the id 77."""
    with registry_running() as running:
        running.add(TEXT, schema_id=77)
        yield running


def test_every_shipped_schema_is_known_however_it_is_written():
    """What says nothing of bytes and their meaning does not count: documentation, defaults, spaces, where the name stands."""
    for schema in shipped_schemas():
        assert shipped_name_of(json.dumps(schema.content, indent=3)) == schema.name
        bare = {name: part for name, part in schema.content.items() if name != "doc"}
        bare["name"] = f"{bare.pop('namespace')}.{bare['name']}"
        assert shipped_name_of(json.dumps(bare)) == schema.name


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("timestamp-micros", "timestamp-millis"),
        TEXT.replace("credits.events", "other.events"),
        TEXT.replace('"grant_id"', '"grant"'),
        '"string"', "[]", "3", "null", "{", '{"type": "record"}', '{"type": "nope"}',
        "[" * 100_000, '{"type": "record", "name": 3}',
    ],
)  # fmt: skip
def test_a_foreign_schema_is_none_of_ours(text):
    """Also one that differs only in what a number means: its milliseconds would be read as microseconds."""
    assert shipped_name_of(text) is None


def test_an_id_is_asked_for_once(stub):
    """What an id names is remembered for ever."""
    registry = Registry(stub.url)
    value = encode_registered(VOID, schema_id=77)
    for _ in range(3):
        assert decode(value, registry=registry.names_of([value, value, None, b"", encode(VOID)])) == VOID
    assert stub.asked == ["GET /schemas/ids/77"]


@pytest.mark.parametrize(
    ("schema", "more"),
    [('"string"', {}), (TEXT, {"schemaType": "JSON"}), (TEXT, {"references": [{"name": "a", "subject": "a", "version": 1}]})],
)
def test_an_id_of_a_foreign_schema_is_remembered_too(stub, schema, more):
    """It stays undecodable without asking again."""
    stub.add(schema, schema_id=5, **more)
    registry = Registry(stub.url)
    value = encode_registered(VOID, schema_id=5)
    for _ in range(2):
        with pytest.raises(DecodeError, match="maps the schema id 5 to no shipped schema"):
            decode(value, registry=registry.names_of([value]))
    assert stub.asked == ["GET /schemas/ids/5"]


def test_an_id_that_the_registry_does_not_know_is_asked_for_again(stub):
    """It may be registered later; until then it names nothing."""
    registry = Registry(stub.url)
    assert registry.name_of(78) is None
    stub.add(TEXT, schema_id=78)
    assert registry.name_of(78) == SHIPPED.name


def test_no_more_ids_are_remembered_than_there_is_room_for(stub, monkeypatch):
    """A producer of random ids fills no memory."""
    monkeypatch.setattr(registry_module, "_KNOWN_MAX", 2)
    for schema_id in (1, 2, 3):
        stub.add(TEXT, schema_id=schema_id)
    registry = Registry(stub.url)
    for schema_id in (1, 2, 1, 3, 1, 2):
        assert registry.name_of(schema_id) == SHIPPED.name
    assert [asked[-1] for asked in stub.asked] == ["1", "2", "3", "2"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
def test_an_answer_that_is_none_is_an_outage(stub, status):
    """Nothing is concluded from it and nothing is remembered; also a 404 that is not the registry's own word."""
    stub.trouble = status
    registry = Registry(stub.url)
    with pytest.raises(
        TransientError, match=rf"^the schema registry at {stub.url} answers {status} to /schemas/ids/77: out of order$"
    ):
        registry.name_of(77)
    stub.trouble = None
    assert registry.name_of(77) == SHIPPED.name


def test_silence_is_an_outage(stub, monkeypatch):
    """A registry that accepts and does not answer, and one that is not there."""
    monkeypatch.setattr(registry_module, "_ANSWER_SECONDS", 0.2)
    stub.is_silent = True
    with pytest.raises(TransientError, match=rf"^the schema registry at {stub.url} does not answer: timed out$"):
        Registry(stub.url).name_of(77)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(TransientError, match=rf"^the schema registry at {url} does not answer: .*refused"):
        Registry(url).name_of(77)


@pytest.mark.parametrize("answer", [[], {"schema": 3}, {}])
def test_nonsense_is_an_outage(stub, answer):
    """Whatever answers there is no registry."""
    stub.schemas[9] = answer
    with pytest.raises(TransientError, match=r"does not speak as a schema registry does$"):
        Registry(stub.url).name_of(9)


def test_a_user_is_told_and_the_password_shown_nowhere(stub):
    """Basic authentication, from the settings."""
    stub.user = "ana:correct-horse"
    settings = read_worker_settings(
        {
            "CREDITS_SCHEMA_REGISTRY": f"{stub.url}/",
            "CREDITS_SCHEMA_REGISTRY_USER": "ana",
            "CREDITS_SCHEMA_REGISTRY_PASSWORD": "correct-horse",
        }
    )
    assert settings.registry is not None
    assert Registry(settings.registry).name_of(77) == SHIPPED.name
    assert "correct-horse" not in f"{settings!r} {settings.registry!r}"
    with pytest.raises(TransientError, match="answers 401") as caught:
        Registry(replace(settings.registry, password="guessed")).name_of(77)  # noqa: S106 - it is none
    assert "guessed" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CREDITS_SCHEMA_REGISTRY": "registry:8081"}, "CREDITS_SCHEMA_REGISTRY is 'registry:8081'; it must be an addr"),
        ({"CREDITS_SCHEMA_REGISTRY": "http://ana:pw@registry"}, "CREDITS_SCHEMA_REGISTRY is 'http://(hidden)@registry'; it"),
        (
            {"CREDITS_SCHEMA_REGISTRY_USER": "ana"},
            "CREDITS_SCHEMA_REGISTRY_USER is 'ana'; it must not be given without CREDITS_SCHEMA_REGISTRY (",
        ),
        (
            {"CREDITS_SCHEMA_REGISTRY": "http://r", "CREDITS_SCHEMA_REGISTRY_PASSWORD": "x"},
            "CREDITS_SCHEMA_REGISTRY_PASSWORD is (hidden); it must not be given without CREDITS_SCHEMA_REGISTRY_USER (",
        ),
        (
            {"CREDITS_SCHEMA_REGISTRY": "http://r", "CREDITS_SCHEMA_REGISTRY_USER": "ana"},
            "CREDITS_SCHEMA_REGISTRY_USER is 'ana'; it must not be given without CREDITS_SCHEMA_REGISTRY_PASSWORD (",
        ),
    ],
)  # fmt: skip
def test_settings_of_a_registry_go_together(environment, sentence):
    """One sentence names the one that does not."""
    with pytest.raises(SettingsError) as caught:
        read_worker_settings(environment)
    assert str(caught.value).startswith(sentence)


def test_a_schema_is_looked_up_and_registered_where_it_was_not(stub):
    """Under the record's full name; the id stands in the header, four bytes, the greatest first, and is remembered."""
    assert subject_of(SHIPPED) == "credits.events.CreditVoided"
    first, second = Registry(stub.url), Registry(RegistryAddress(stub.url))
    value = first.encode(VOID)
    assert (value[:5], schema_id_of(value)) == (b"\x00\x00\x00\x00\x4e", 78)
    assert [first.encode(VOID), second.encode(VOID)] == [value, value]
    path = "/subjects/credits.events.CreditVoided"
    assert stub.asked == [f"POST {path}", f"POST {path}/versions", f"POST {path}"]
    assert decode(value, registry=RegisteredNames(first)) == VOID


def test_a_registry_that_takes_no_schema_is_no_outage(stub):
    """It has said so, and would again."""
    stub.is_read_only = True
    with pytest.raises(
        SettingsError, match=r"answers 422 to /subjects/credits.events.CreditVoided/versions: .* read-only mode$"
    ):
        Registry(stub.url).encode(VOID)


async def test_a_batch_asks_once_and_the_next_one_nothing(stub):
    """Before a batch is understood every id in it is known; without Confluent headers, or a registry, nobody is asked."""

    def records(*values: bytes) -> list[RawRecord]:
        return [RawRecord("credits.voids", 0, offset, 0, None, value, ()) for offset, value in enumerate(values)]

    registered = RegisteredSchemas(Registry(stub.url))
    assert await registered.names_of(records(encode(VOID))) == {}
    assert stub.asked == []
    value = encode_registered(VOID, schema_id=77)
    for _ in range(2):
        assert await registered.names_of(records(value, value, encode(VOID))) == {77: SHIPPED.name}
    assert stub.asked == ["GET /schemas/ids/77"]
    assert await NO_SCHEMAS.names_of(records(value)) == {}


def test_names_are_looked_up_as_they_come_up(stub):
    """The mapping for whoever may block asks for each id once, and is an outage where the registry is one."""
    names = RegisteredNames(Registry(stub.url))
    assert (names.get(77), names.get(5), dict(names)) == (SHIPPED.name, None, {77: SHIPPED.name})
    assert len(names) == 1
    stub.trouble = 503
    assert names[77] == SHIPPED.name
    with pytest.raises(TransientError):
        names.get(6)
