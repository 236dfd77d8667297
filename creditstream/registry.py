"""Confluent's schema registry, by its HTTP interface: which schema an id names, and which id a schema has.

Rule: docs/ledger.md 3.8. An id names one schema for ever, so what was once found is not asked for again. An outage is no
answer: it raises TransientError, and whoever asked does nothing on the strength of it.
"""

import base64
import http.client
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from creditstream.registry_address import RegistryAddress
from schemas import codec
from schemas.errors import SettingsError, TransientError
from schemas.events import Event
from schemas.registered import newest_schema_of, shipped_name_of, subject_of
from schemas.shipped import ShippedSchema

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_ANSWER_SECONDS = 5
_ANSWER_BYTES_MAX = 1 << 20
_KNOWN_MAX = 10_000
"""So many ids are remembered; of more the one that was used least lately is asked for again."""

_SUBJECT_UNKNOWN = 40401
_SCHEMA_UNKNOWN = 40403


class Registry:
    """A schema registry, and what it has said so far. It is asked over HTTP, which blocks; any threads may share it."""

    def __init__(self, address: RegistryAddress | str) -> None:
        self._address = RegistryAddress(address) if isinstance(address, str) else address
        self._url = self._address.url.rstrip("/")
        if not self._url.startswith(("http://", "https://")):
            raise SettingsError(f"the schema registry {self._url!r} is no address such as http://registry:8081")
        # What it answers with is what it says; a redirect would take the password elsewhere.
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._lock = threading.Lock()
        self._names: OrderedDict[int, str | None] = OrderedDict()
        self._ids: dict[str, int] = {}

    def name_of(self, schema_id: int) -> str | None:
        """Give the shipped schema that an id names, such as `CreditGranted.v1`.

        None for an id that names a foreign schema, which is remembered, and for one that the registry does not know, which is
        asked for again each time. Raises TransientError where the registry gives no answer.
        """
        with self._lock:
            if schema_id in self._names:
                self._names.move_to_end(schema_id)
                return self._names[schema_id]
        answer = self._ask(f"/schemas/ids/{schema_id}", none_for=(_SCHEMA_UNKNOWN,))
        if answer is None:
            return None
        is_avro = answer.get("schemaType", "AVRO") == "AVRO" and not answer.get("references")
        name = shipped_name_of(self._text(answer, "schema")) if is_avro else None
        with self._lock:
            self._names[schema_id] = name
            while len(self._names) > _KNOWN_MAX:
                self._names.popitem(last=False)
        return name

    def names_of(self, values: Iterable[bytes | None]) -> dict[int, str]:
        """Give the shipped schemas of all the ids in the Confluent headers of some values; raises as `name_of` does."""
        ids = {schema_id for value in values if (schema_id := codec.schema_id_of(value)) is not None}
        found = {schema_id: self.name_of(schema_id) for schema_id in sorted(ids)}
        return {schema_id: name for schema_id, name in found.items() if name is not None}

    def knows(self, values: Iterable[bytes | None]) -> bool:
        """Tell whether `names_of` would ask nothing."""
        with self._lock:
            return all((schema_id := codec.schema_id_of(value)) is None or schema_id in self._names for value in values)

    def encode(self, event: Event) -> bytes:
        """Write an event behind a Confluent header, with its newest schema, which is registered where it was not yet.

        Raises TransientError where the registry gives no answer, and SettingsError where it does not take the schema.
        """
        return codec.encode_registered(event, schema_id=self._id_of(newest_schema_of(type(event))))

    def _id_of(self, schema: ShippedSchema) -> int:
        with self._lock:
            known = self._ids.get(schema.name)
        if known is not None:
            return known
        path = f"/subjects/{quote(subject_of(schema), safe='')}"
        said = {"schema": json.dumps(schema.content)}
        # Looked up first, since most are registered already and not everybody may register.
        answer = self._ask(path, said, none_for=(_SUBJECT_UNKNOWN, _SCHEMA_UNKNOWN)) or self._ask(f"{path}/versions", said)
        found = (answer or {}).get("id")
        if not isinstance(found, int) or not 0 <= found < 1 << 32:
            raise self._nonsense(f"for the id of {schema.name}")
        with self._lock:
            self._ids[schema.name] = found
        return found

    def _ask(
        self, path: str, said: Mapping[str, Any] | None = None, *, none_for: tuple[int, ...] = ()
    ) -> dict[str, Any] | None:
        """Ask for something; None where the registry says that there is none, by one of its own codes."""
        body = None if said is None else json.dumps(said).encode()
        headers = {"Accept": _MEDIA_TYPE, **({} if body is None else {"Content-Type": _MEDIA_TYPE})}
        if self._address.user:
            secret = f"{self._address.user}:{self._address.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(secret).decode()}"
        request = urllib.request.Request(self._url + path, data=body, headers=headers)  # noqa: S310 - it is http or https
        try:
            with self._opener.open(request, timeout=_ANSWER_SECONDS) as response:
                return self._read(response.read(_ANSWER_BYTES_MAX), path)
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error, path, none_for)
        except (OSError, http.client.HTTPException, ssl.SSLError) as error:
            why = getattr(error, "reason", None) or error
            raise TransientError(f"the schema registry at {self._url} does not answer: {why}") from error

    def _refused(self, error: urllib.error.HTTPError, path: str, none_for: tuple[int, ...]) -> dict[str, Any] | None:
        try:
            answer = self._read(error.read(_ANSWER_BYTES_MAX), path)
        except (TransientError, OSError, http.client.HTTPException):
            answer = {}
        if error.code == http.HTTPStatus.NOT_FOUND and answer.get("error_code") in none_for:
            return None
        what = f"the schema registry at {self._url} answers {error.code} to {path}: {answer.get('message', error.reason)}"
        # What is wrong with a schema stays wrong; all else may pass, such as a proxy that finds nothing behind it.
        if error.code in (http.HTTPStatus.CONFLICT, http.HTTPStatus.UNPROCESSABLE_ENTITY):
            raise SettingsError(what)
        raise TransientError(what)

    def _read(self, body: bytes, path: str) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise self._nonsense(f"to {path}") from error
        if not isinstance(answer, dict):
            raise self._nonsense(f"to {path}")
        return answer

    def _text(self, answer: Mapping[str, Any], name: str) -> str:
        text = answer.get(name)
        if not isinstance(text, str):
            raise self._nonsense(f"for a {name}")
        return text

    def _nonsense(self, where: str) -> TransientError:
        return TransientError(f"what answers {where} at {self._url} does not speak as a schema registry does")


class RegisteredNames(Mapping[int, str]):
    """The mapping that `schemas.codec.decode` takes, asked for id by id as they come up; for whoever may block."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._found: dict[int, str] = {}

    def __getitem__(self, schema_id: int) -> str:
        name = self._found.get(schema_id) or self._registry.name_of(schema_id)
        if name is None:
            raise KeyError(schema_id)
        self._found[schema_id] = name
        return name

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which so is an answer like any other that is none."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
