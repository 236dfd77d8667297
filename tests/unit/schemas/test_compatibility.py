"""Schemas only grow: the newest reads all that was ever written, and a shipped version never changes (docs/ledger.md 3.8)."""

import hashlib
import json
from pathlib import Path
from typing import Any

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas.compatibility import forbidden_changes
from schemas.events import EVENT_TYPES
from schemas.shipped import shipped_schemas

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
FORBIDDEN = sorted((GOLDEN / "forbidden_changes").glob("*.json"))
ALLOWED = sorted((GOLDEN / "allowed_changes").glob("*.json"))


def avro_can_read(*, reader: Any, writer: Any) -> bool:
    """Ask Apache's own rule, one pair of BACKWARD_TRANSITIVE."""
    result = ReaderWriterCompatibilityChecker().get_compatibility(
        avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer))
    )
    return result.compatibility is SchemaCompatibilityType.compatible


def is_refused(*, older: Any, newer: Any) -> bool:
    """Say whether a change may not be shipped."""
    return not avro_can_read(reader=newer, writer=older) or bool(forbidden_changes(older, newer))


def without_docs(schema: Any) -> Any:
    """Give a schema without its explanations, which may be bettered."""
    if isinstance(schema, list):
        return [without_docs(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without_docs(part) for name, part in schema.items() if name != "doc"}


def seal_of(content: Any) -> str:
    """Give a text that changes with anything in a schema but its explanations, defaults and logical types included."""
    return hashlib.sha256(json.dumps(without_docs(content), sort_keys=True).encode()).hexdigest()


def crc_64_avro(data: bytes) -> int:
    """The fingerprint as Avro's specification writes it down, bit by bit."""
    empty = 0xC15D213AA4D7A795
    fingerprint = empty
    for byte in data:
        fingerprint ^= byte
        for _ in range(8):
            fingerprint = (fingerprint >> 1) ^ (empty & -(fingerprint & 1))
    return fingerprint


def test_every_event_has_a_schema():
    """There is a first version of each event, versions have no gaps, and nothing else is shipped."""
    versions: dict[str, list[int]] = {}
    for schema in shipped_schemas():
        versions.setdefault(schema.subject, []).append(schema.version)
    assert set(versions) == set(EVENT_TYPES)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in versions.values())


def test_the_newest_version_reads_all_before():
    """BACKWARD_TRANSITIVE by Apache's rule, and by ours, which also sees what bytes mean."""
    newest = {schema.subject: schema for schema in shipped_schemas()}
    for schema in shipped_schemas():
        newer = newest[schema.subject].content
        assert avro_can_read(reader=newer, writer=schema.content), schema.name
        assert forbidden_changes(schema.content, newer) == [], schema.name


def test_a_shipped_version_never_changes():
    """Fingerprints are those that were written down when the version was shipped; a new version adds its line."""
    shipped = {
        schema.name: {"fingerprint": schema.fingerprint.hex(), "seal": seal_of(schema.content)} for schema in shipped_schemas()
    }
    assert shipped == json.loads((GOLDEN / "schema_fingerprints.json").read_text())


def test_fingerprints_are_those_of_the_specification():
    """The library's CRC-64-AVRO, little-endian, equals the specification's own few lines."""
    assert crc_64_avro(b'"null"') == 0x63DD24E7CC258F8A
    for schema in shipped_schemas():
        canonical = avro.schema.parse(json.dumps(plain(schema.content))).canonical_form
        assert schema.fingerprint == crc_64_avro(canonical.encode()).to_bytes(8, "little"), schema.name


def plain(schema: Any) -> Any:
    """Take the logical types away by hand, since Apache's canonical form keeps them although the specification does not."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return schema["type"] if "logicalType" in schema else {name: plain(part) for name, part in schema.items()}


def test_the_documentation_names_the_fingerprints():
    """The table for those who write on another platform shows the bytes as they stand on the wire."""
    page = (ROOT / "docs" / "events.md").read_text()
    for schema in shipped_schemas():
        assert f"| {schema.name} | `{schema.fingerprint.hex(' ')}` |" in page


def test_every_record_and_field_is_explained():
    """Each record, enum and field of a schema says what it means."""

    def unexplained(schema: Any, place: str) -> list[str]:
        if isinstance(schema, list):
            return [fault for part in schema for fault in unexplained(part, place)]
        if not isinstance(schema, dict):
            return []
        own = [] if schema.get("doc") or schema.get("type") not in ("record", "enum") else [f"{place} {schema['name']}"]
        inside = [fault for part in ("type", "items") for fault in unexplained(schema.get(part), place)]
        for field in schema.get("fields", []):
            where = f"{place}.{field['name']}"
            own += [] if field.get("doc") else [where]
            inside += unexplained(field["type"], where)
        return own + inside

    assert [fault for schema in shipped_schemas() for fault in unexplained(schema.content, schema.name)] == []


@pytest.mark.parametrize("path", FORBIDDEN, ids=lambda path: path.stem)
def test_a_forbidden_change_is_refused(path):
    """Each kind of change that would lose or alter what old events say is refused, by Avro's rule too where it sees it."""
    change = json.loads(path.read_text())
    assert is_refused(older=change["older"], newer=change["newer"]), change["what"]
    assert forbidden_changes(change["older"], change["newer"]), change["what"]
    assert avro_can_read(reader=change["newer"], writer=change["older"]) is not change["refused_by_avro"], change["what"]


@pytest.mark.parametrize("path", ALLOWED, ids=lambda path: path.stem)
def test_a_change_that_only_grows_is_allowed(path):
    """The rule does not refuse everything."""
    change = json.loads(path.read_text())
    assert not is_refused(older=change["older"], newer=change["newer"]), change["what"]


def test_forbidden_changes_are_named_by_their_place():
    """What is refused is a sentence with the field in it."""
    change = json.loads((GOLDEN / "forbidden_changes" / "selector_loses_its_item.json").read_text())
    assert forbidden_changes(change["older"], change["newer"]) == ["Lent.scope.item is gone"]
