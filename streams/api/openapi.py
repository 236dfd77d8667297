"""The page docs/openapi.json, made from the forms of events and from what is declared here: `make docs`.

It describes what a worker answers over HTTP as OpenAPI 3.1 says; a worker serves it at /v1/openapi.json. The schemas of events
are those of the pydantic forms; what a field may say beyond its shape is added from the same limits that the checks keep.
"""

import importlib.metadata
import json
import sys
from functools import cache

from projections.explanation import Part
from schemas import events
from schemas.refusals import Reason
from schemas.topics import CLOCKED_TOPICS, INPUT_TOPICS
from streams.api.asked import AFTER_MAX, WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX
from streams.api.emitting import CLOUD_EVENT, CLOUD_EVENTS, FORBIDDEN, JSON
from streams.api.event_schemas import BROUGHT, ID, INSTANT, TEXT, Document, event_schemas, nullable
from streams.worker.partition import Phase

_AMOUNT = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,12})?$"}
_WHOLE = {"type": "integer", "minimum": 0}
_BOOLEAN = {"type": "boolean"}
_BALANCE_AMOUNTS = (
    "granted",
    "used",
    "balance",
    "committed",
    "available",
    "restricted",
    "next_expiry_amount",
    "overage",
)

_HEAD = """\
What a worker of creditstream answers over HTTP. Whichever worker is asked answers: one that does not hold a customer asks the \
one that does. Without a file of tokens a worker answers its own machine only, and asks for no token. docs/http.md shows each \
request with its answer; docs/ledger.md says what the figures mean."""

_SENTENCES = {
    400: "The question cannot be understood: a parameter, a body, or an id is wrong.",
    401: "There is no token, or it is not known.",
    403: "The token has not the role, or is not good for the organization.",
    404: "The customer has no such consumption that is not settled.",
    408: "The body did not come in time.",
    410: "What is asked is settled, and only ClickHouse has it; the sentence says how it is asked there.",
    413: "The body is too large, or has too many events.",
    415: "The body is of another media type.",
    429: "The token has asked too much.",
    503: "Not now: a worker takes the customer over, or Kafka does not answer. The same request has an answer soon.",
    504: "What `after` names was not applied in time.",
}
_WITH_RETRY = (429, 503)


@cache
def document() -> str:
    """Give the text of the page."""
    return json.dumps(openapi(), ensure_ascii=False, indent=1) + "\n"


def openapi() -> Document:
    """Give the document as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "creditstream", "version": importlib.metadata.version("creditstream"), "description": _HEAD},
        "servers": [{"url": "http://127.0.0.1:18080", "description": "The first worker that `credits up` starts."}],
        "security": [{"token": []}],
        "paths": {
            "/v1/balances/{organization_id}/{customer_id}": {"get": _balances()},
            "/v1/explain/{organization_id}/{customer_id}/{event_id}": {"get": _explanation()},
            "/v1/events": {"post": _events()},
            "/v1/openapi.json": {"get": _page("This document.", {"type": "object"})},
            "/healthz": {"get": _page("Whether the worker's loop turns.", _ref("Alive"))},
            "/readyz": {"get": _readyz()},
            "/metrics": {"get": _metrics()},
            "/partitions": {"get": _partitions()},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**event_schemas(), **_answer_schemas()},
        },
    }


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(fields: Document, *, optional: tuple[str, ...] = (), description: str = "") -> Document:
    told: Document = {"description": description} if description else {}
    required = [name for name in fields if name not in optional]
    return {"type": "object", **told, "properties": fields, "required": required, "additionalProperties": False}


def _content(schema: Document, *, media_type: str = JSON) -> Document:
    return {media_type: {"schema": schema}}


def _answer(sentence: str, schema: Document) -> Document:
    return {"description": sentence, "content": _content(schema)}


def _refusals(*statuses: int) -> Document:
    answers: Document = {}
    for status in statuses:
        answers[str(status)] = _answer(_SENTENCES[status], _ref("Error"))
        if status in _WITH_RETRY:
            seconds = {"description": "Seconds after which to ask again.", "required": True, "schema": _WHOLE}
            answers[str(status)]["headers"] = {"Retry-After": seconds}
    return answers


def _in_path(name: str, description: str) -> Document:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": ID}


def _in_query(name: str, description: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _customer() -> list[Document]:
    return [_in_path("organization_id", "The organization's id."), _in_path("customer_id", "The customer's id.")]


def _waiting() -> list[Document]:
    place = {"type": "string", "pattern": f"^({'|'.join(CLOCKED_TOPICS)})/[0-9]{{1,18}}/[0-9]{{1,18}}$".replace(".", r"\.")}
    return [
        _in_query(
            "after",
            "Wait until this record is applied: TOPIC/PARTITION/OFFSET, as POST /v1/events gives it for each event.",
            {"type": "array", "maxItems": AFTER_MAX, "items": place},
        ),
        _in_query(
            "wait_seconds",
            "How long to wait at most.",
            {"type": "integer", "minimum": 0, "maximum": WAIT_SECONDS_MAX, "default": WAIT_SECONDS_DEFAULT},
        ),
    ]


def _balances() -> Document:
    return {
        "operationId": "balances",
        "summary": "What a customer has, now or at another instant.",
        "parameters": [
            *_customer(),
            _in_query("as_of", "The instant to ask about; now where it is left out.", INSTANT),
            _in_query("credit_type", "Only credits of this type.", TEXT),
            *_waiting(),
        ],
        "responses": {
            "200": _answer("The accounts of the customer by credit type; none where it has none.", _ref("Balances")),
            **_refusals(400, 401, 403, 410, 429, 503, 504),
        },
    }


def _explanation() -> Document:
    return {
        "operationId": "explain",
        "summary": "Which lots paid for a use of credits, and why in this order.",
        "parameters": [
            *_customer(),
            _in_path("event_id", "The event_id of the consumption."),
            _in_query("occurred_at", "Which one, where an event_id was used again after its time.", INSTANT),
            *_waiting(),
        ],
        "responses": {
            "200": _answer("The consumption, and every lot that was valid then, in burn order.", _ref("Explanation")),
            **_refusals(400, 401, 403, 404, 410, 429, 503, 504),
        },
    }


def _events() -> Document:
    one_event = {"oneOf": [_ref(name) for name in BROUGHT], "discriminator": {"propertyName": "type"}}
    return {
        "operationId": "emit",
        "summary": "Send events, and wait until Kafka has them.",
        "requestBody": {
            "required": True,
            "content": {
                **_content({"anyOf": [one_event, {"type": "array", "minItems": 1, "items": one_event}]}),
                **_content(_ref("CloudEvent"), media_type=CLOUD_EVENT),
                **_content({"type": "array", "minItems": 1, "items": _ref("CloudEvent")}, media_type=CLOUD_EVENTS),
            },
        },
        "responses": {
            "200": _answer("All events are stored.", _ref("Verdicts")),
            "207": _answer("Some events are stored, and some are refused.", _ref("Verdicts")),
            "422": _answer("No event is stored: all are refused.", _ref("Verdicts")),
            **_refusals(400, 401, 403, 408, 413, 415, 429, 503),
        },
    }


def _page(summary: str, schema: Document) -> Document:
    return {"summary": summary, "security": [], "responses": {"200": _answer(summary, schema)}}


def _readyz() -> Document:
    return {
        "summary": "Whether every partition number that was given to this worker is open.",
        "security": [],
        "responses": {
            "200": _answer("All are open.", _ref("Ready")),
            "503": _answer("Not all are open; the reasons say why.", _ref("Ready")),
        },
    }


def _metrics() -> Document:
    said = {"description": "All metrics (docs/metrics.md).", "content": _content({"type": "string"}, media_type="text/plain")}
    return {"summary": "The worker's metrics in Prometheus' text format.", "security": [], "responses": {"200": said}}


def _partitions() -> Document:
    return {
        "operationId": "partitions",
        "summary": "The partition numbers that this worker holds, and up to where each is committed.",
        "responses": {
            "200": _answer("What this worker holds; other workers hold the rest.", _ref("Held")),
            **_refusals(401, 403, 429),
        },
    }


def _answer_schemas() -> Document:
    names = {"organization_id": ID, "customer_id": ID, "credit_type": TEXT}
    figures = {
        **dict.fromkeys(_BALANCE_AMOUNTS, _AMOUNT),
        "unlimited": _BOOLEAN,
        "next_expiry": nullable(INSTANT),
    }
    derived = "The account is being derived after a late event, and what is published does not answer: ask again soon."
    positions = {"type": "object", "additionalProperties": _WHOLE, "propertyNames": {"enum": list(INPUT_TOPICS)}}
    return {
        "Error": _object(
            {"error": _object({"field": {"type": "string"}, "sentence": {"type": "string"}}, optional=("field",))},
            description="Why a request was turned down, and which field is at fault where one is.",
        ),
        "Balance": {
            "anyOf": [
                _object({**names, "as_of": INSTANT, **figures, "deriving": _BOOLEAN}),
                _object({**names, "as_of": INSTANT, "deriving": {"const": True}}, description=derived),
            ]
        },
        "Balances": _object(
            {
                "organization_id": ID,
                "customer_id": ID,
                "as_of": INSTANT,
                "partition": _WHOLE,
                "positions": {**positions, "description": "The offset of the next record to be applied, by topic."},
                "balances": {"type": "array", "items": _ref("Balance")},
            }
        ),
        "Explanation": _explanation_schema(),
        "Verdicts": _object(
            {
                "stored": _WHOLE,
                "refused": _WHOLE,
                "events": {"type": "array", "items": {"anyOf": [_ref("Stored"), _ref("Refused")]}},
            }
        ),
        "Stored": _object(
            {
                "index": _WHOLE,
                "event_id": {"type": ["string", "null"]},
                "status": {"const": "stored"},
                "topic": {"enum": list(INPUT_TOPICS)},
                "partition": _WHOLE,
                "offset": _WHOLE,
                "after": {
                    "type": ["string", "null"],
                    "description": "Where it lies, as the parameter `after` takes it; null for names and campaigns.",
                },
            }
        ),
        "Refused": _object(
            {
                "index": _WHOLE,
                "event_id": {"type": ["string", "null"]},
                "status": {"const": "refused"},
                "reason": {"enum": [Reason.INVALID.value, FORBIDDEN]},
                "field": {"type": ["string", "null"]},
                "sentence": {"type": "string"},
            }
        ),
        "Alive": _object({"status": {"const": "alive"}}),
        "Ready": _object({"ready": _BOOLEAN, "reasons": {"type": "array", "items": {"type": "string"}}}),
        "Held": _object(
            {
                "parked": {"type": "array", "items": _WHOLE},
                "held": {
                    "type": "array",
                    "items": _object(
                        {"number": _WHOLE, "phase": {"enum": [phase.value for phase in Phase]}, "positions": positions}
                    ),
                },
            }
        ),
    }


def _explanation_schema() -> Document:
    lot = {
        "grant_id": ID,
        "start": INSTANT,
        "end": nullable(INSTANT),
        "amount": {"anyOf": [_AMOUNT, {"const": "unlimited"}]},
        "priority": _WHOLE,
        "granted_at": INSTANT,
        "part": {"enum": [part.value for part in Part]},
        "paid": _AMOUNT,
        "because": {"type": "string"},
    }
    return _object(
        {
            "organization_id": ID,
            "customer_id": ID,
            "credit_type": TEXT,
            "event_id": ID,
            "occurred_at": INSTANT,
            "activity": {"enum": list(events.ACTIVITY_TYPES)},
            **dict.fromkeys(("amount", "reversed", "net", "paid", "overage"), _AMOUNT),
            "lots": {"type": "array", "items": _object(lot)},
        }
    )


if __name__ == "__main__":
    sys.stdout.write(document())
