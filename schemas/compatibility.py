"""What a new version of a schema must not do to an earlier one, beyond what Avro itself demands (docs/ledger.md 3.8).

Avro's rule (BACKWARD_TRANSITIVE) keeps old bytes readable. It does not see that they come to mean something else: another
scale of a decimal, a default that changes, a field that is dropped with what it said. Schemas only grow.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_NAMED = ("record", "enum", "fixed")
_FACTS_THAT_STAY = {
    "logicalType": "logical type",
    "precision": "precision",
    "scale": "scale",
    "size": "size",
}


def forbidden_changes(older: Any, newer: Any) -> list[str]:
    """Name everything that `newer` must not change in `older`, a sentence each; both are schemas as JSON values."""
    comparison = _Comparison(dict(_names_in(older, "")), dict(_names_in(newer, "")))
    return list(comparison.of_types("", older, newer))


def _names_in(schema: Any, namespace: str) -> Iterator[tuple[str, Any]]:
    """Give the types that a schema names, by their full names and, as they may be written within it, by their names."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _names_in(branch, namespace)
    if not isinstance(schema, dict):
        return
    inner = schema.get("namespace", namespace)
    if schema.get("type") in _NAMED:
        full = {**schema, "namespace": inner}
        yield schema["name"], full
        yield f"{inner}.{schema['name']}", full
    for part in ("type", "items", "values"):
        yield from _names_in(schema.get(part), inner)
    for field in schema.get("fields", []):
        yield from _names_in(field["type"], inner)


class _Comparison(NamedTuple):
    """Two schemas side by side; a place in them is written as `CreditGranted.scope.item`."""

    older_names: Mapping[str, Any]
    newer_names: Mapping[str, Any]

    def of_types(self, place: str, older: Any, newer: Any) -> Iterator[str]:
        older, newer = _resolved(older, self.older_names), _resolved(newer, self.newer_names)
        if isinstance(older, list) or isinstance(newer, list):
            yield from self._of_unions(place, older, newer)
        elif _kind(older) != _kind(newer) and (_kind(older), _kind(newer)) != ("int", "long"):
            yield f"{place or 'the schema'} changes from {_kind(older)} to {_kind(newer)}"
        else:
            yield from self._of_equal_kinds(place or older["name"], older, newer)

    def _of_unions(self, place: str, older: Any, newer: Any) -> Iterator[str]:
        branches = {_kind(branch): branch for branch in (_resolved(part, self.newer_names) for part in _branches(newer))}
        for branch in (_resolved(part, self.older_names) for part in _branches(older)):
            if _kind(branch) in branches:
                yield from self.of_types(place, branch, branches[_kind(branch)])
            else:
                yield f"{place} can no longer be {_kind(branch)}"

    def _of_equal_kinds(self, place: str, older: Any, newer: Any) -> Iterator[str]:
        for fact, called in _FACTS_THAT_STAY.items():
            if older.get(fact) != newer.get(fact):
                yield f"{place} changes its {called} from {older.get(fact)} to {newer.get(fact)}"
        if older["type"] == "enum":
            yield from _of_enums(place, older, newer)
        elif older["type"] == "record":
            yield from self._of_records(place, older, newer)
        elif older["type"] in ("array", "map"):
            part = "items" if older["type"] == "array" else "values"
            yield from self.of_types(place, older[part], newer[part])

    def _of_records(self, place: str, older: Any, newer: Any) -> Iterator[str]:
        new_fields = {name: field for field in newer["fields"] for name in (*field.get("aliases", []), field["name"])}
        kept = set()
        for field in older["fields"]:
            where, new_field = f"{place}.{field['name']}", new_fields.get(field["name"])
            if new_field is None:
                yield f"{where} is gone"
                continue
            kept.add(new_field["name"])
            yield from self.of_types(where, field["type"], new_field["type"])
            if field.get("default", _NONE) != new_field.get("default", _NONE):
                yield f"{where} changes its default"
        for field in newer["fields"]:
            if field["name"] not in kept and "default" not in field:
                yield f"{place}.{field['name']} is new and has no default"


_NONE = object()
"""No default; null is one."""


def _of_enums(place: str, older: Any, newer: Any) -> Iterator[str]:
    for symbol in older["symbols"]:
        if symbol not in newer["symbols"]:
            yield f"{place} can no longer be {symbol}"
    if older.get("default") != newer.get("default"):
        yield f"{place} changes what an unknown word is read as"


def _branches(schema: Any) -> list[Any]:
    return schema if isinstance(schema, list) else [schema]


def _resolved(schema: Any, names: Mapping[str, Any]) -> Any:
    """Give a type as a list for a union, else as a dict; a name becomes what it names."""
    if isinstance(schema, str):
        return names.get(schema, {"type": schema})
    if isinstance(schema, dict) and schema["type"] in _NAMED:
        return names[schema["name"]]
    if isinstance(schema, dict) and isinstance(schema["type"], dict | list):
        return _resolved(schema["type"], names)
    return schema


def _kind(schema: Any) -> str:
    kind: str = schema["type"]
    return f"{kind} {schema['namespace']}.{schema['name']}" if kind in _NAMED else kind
