"""The bytes of every schema version, written down when it was shipped: they are read for ever as what they said then.

`events.v<N>.jsonl` holds, for events of version N, the JSON form and the bytes. Lines are added, never changed.
"""

import io
import json
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import pytest

from schemas.avro_records import record_maker
from schemas.checks import fault_of
from schemas.codec import decode, encode, without_logical_types
from schemas.events import ACTIVITY_TYPES, EVENT_TYPES, CreditConsumed
from schemas.instants import INSTANT_LIMIT
from schemas.json_form import read_object, write_object
from schemas.shipped import shipped_schemas

GOLDEN = [
    json.loads(line) for path in sorted(Path(__file__).parent.glob("events.v*.jsonl")) for line in path.read_text().splitlines()
]
SCHEMAS = {schema.name: schema for schema in shipped_schemas()}
NEWEST = {schema.subject: schema.name for schema in shipped_schemas()}


def name_of(golden: dict[str, Any]) -> str:
    return f"{golden['schema']}-{golden['event'].get('event_id', golden['event'].get('as_of'))}"[:40]


each_golden = pytest.mark.parametrize("golden", GOLDEN, ids=name_of)


@each_golden
def test_golden_bytes_are_read_as_what_they_said(golden):
    """Bytes of every version decode to the event of their JSON form, which is a valid one."""
    event = decode(bytes.fromhex(golden["hex"]))
    assert event == read_object(golden["event"])
    assert fault_of(event, record_timestamp=INSTANT_LIMIT) is None


@each_golden
def test_golden_bytes_are_written(golden):
    """The newest version writes, to the byte and to the letter of its JSON form, what it wrote when it was shipped."""
    if NEWEST[golden["event"]["type"]] == golden["schema"]:
        event = read_object(golden["event"])
        assert encode(event).hex() == golden["hex"]
        assert write_object(event) == golden["event"]


@each_golden
def test_another_library_reads_the_same(golden):
    """Apache's own Avro library finds the same values in the bytes, and nothing behind them."""
    schema = SCHEMAS[golden["schema"]]
    value = bytes.fromhex(golden["hex"])
    assert value[:10] == b"\xc3\x01" + schema.fingerprint
    content = io.BytesIO(value[10:])
    parsed = avro.schema.parse(json.dumps(without_logical_types(schema.content)))
    found = avro.io.DatumReader(parsed).read(avro.io.BinaryDecoder(content))
    event = decode(value)
    expected = record_maker(type(event))(event)
    if isinstance(event, CreditConsumed):
        expected["activity"] = event.activity._asdict()
    assert found == expected
    assert content.read() == b""


def test_each_version_of_each_event_and_activity_is_there():
    """Every shipped schema has golden bytes, and so has every activity."""
    assert {golden["schema"] for golden in GOLDEN} == set(SCHEMAS)
    assert {golden["event"]["type"] for golden in GOLDEN} == set(EVENT_TYPES)
    assert {golden["event"]["activity"]["type"] for golden in GOLDEN if "activity" in golden["event"]} == set(ACTIVITY_TYPES)


def test_the_documented_bytes_are_the_golden_ones():
    """The CreditVoided that the documentation takes apart byte by byte is the first golden one."""
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    _, _, table = page.partition("A whole CreditVoided")
    rows = [line.split("`")[1] for line in table.split("\n\n")[1].splitlines() if line.startswith("| `")]
    assert "".join(rows).replace(" ", "") == GOLDEN[0]["hex"]
