"""Who may ask what: bearer tokens, of which the file that CREDITS_TOKENS_FILE names keeps only digests (docs/http.md).

A token is 256 random bits, so that its SHA-256 says nothing of it. The file is read at the start, and again when it has
changed; one that cannot be used then changes nothing, and is told in the log.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from schemas.checks import check_id
from schemas.errors import SettingsError
from streams.files import read_bytes

log = logging.getLogger(__name__)

EVERY = "*"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELDS = ("sha256", "organizations", "roles")
_LOOK_SECONDS = 1.0
_TOKEN_BYTES = 32


class Role(StrEnum):
    """What a token is for."""

    READER = "reader"
    EMITTER = "emitter"
    OPERATOR = "operator"


class Caller(NamedTuple):
    """Who asks: the name of the token, the organizations that it is good for (None: every one), and what it may do."""

    name: str
    organizations: frozenset[str] | None
    roles: frozenset[Role]

    def is_of(self, organization_id: str) -> bool:
        """Tell whether the token is good for an organization."""
        return self.organizations is None or organization_id in self.organizations


ANYBODY = Caller("anybody", None, frozenset(Role))
"""Who asks where there are no tokens: any program of this machine."""


class _Entry(NamedTuple):
    digest: bytes
    caller: Caller


def new_token() -> str:
    """Draw a token."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Give what the file keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens:
    """The tokens of a file, as it stands; raises SettingsError where the file cannot be used at the start."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._state = _state_of(file)
        self._entries = _read(file)
        self._looked_at = time.monotonic()

    def caller_of(self, token: str) -> Caller | None:
        """Give who shows a token; None for one that is not in the file. Takes as long whichever it is."""
        self._look()
        shown = digest_of(token).encode()
        found = None
        for entry in self._entries:
            if hmac.compare_digest(entry.digest, shown):
                found = entry.caller
        return found

    def _look(self) -> None:
        """Read the file again where it has changed; asked once a second at most."""
        if time.monotonic() < self._looked_at + _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        state = _state_of(self._file)
        if state == self._state:
            return
        self._state = state
        try:
            self._entries = _read(self._file)
        except SettingsError as error:
            log.error("the tokens that were read last still stand: %s", error)  # noqa: TRY400 - the sentence says it all
        else:
            log.info("CREDITS_TOKENS_FILE was read again: %d tokens", len(self._entries))


def _state_of(file: Path) -> tuple[int, int, int] | None:
    """Give what changes with the content of a file; None where it cannot be seen."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: Path) -> list[_Entry]:
    try:
        return parse_tokens(read_bytes(file).decode())
    except (SettingsError, UnicodeDecodeError) as error:
        raise SettingsError(f"CREDITS_TOKENS_FILE is {str(file)!r}: {error}") from error


def parse_tokens(text: str) -> list[_Entry]:
    """Read a file of tokens: a table [tokens.NAME] each, with sha256, organizations and roles.

    Raises SettingsError naming the entry and what would be right.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"it is not TOML: {error}") from error
    tables = content.get("tokens", {})
    unknown = sorted(content.keys() - {"tokens"})
    if unknown or not isinstance(tables, dict):
        raise SettingsError(f"it must hold tables such as [tokens.NAME], and has {', '.join(unknown) or 'none'}")
    entries = [_entry(name, table) for name, table in tables.items()]
    if len({entry.digest for entry in entries}) < len(entries):
        raise SettingsError("two of its tokens have the same sha256; each caller has a token of its own")
    return entries


def _entry(name: str, table: Any) -> _Entry:
    where = f"tokens.{name}"
    if not isinstance(table, dict) or table.keys() != set(_FIELDS):
        raise SettingsError(f"{where} must have exactly {', '.join(_FIELDS)}")
    digest, roles = table["sha256"], table["roles"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise SettingsError(f"{where}.sha256 must be 64 digits from 0 to f: the SHA-256 of a token, never the token")
    if not isinstance(roles, list) or not roles or not all(role in tuple(Role) for role in roles):
        raise SettingsError(f"{where}.roles must be a list of {', '.join(Role)}")
    organizations = _organizations(where, table)
    return _Entry(digest.encode(), Caller(name, organizations, frozenset(Role(role) for role in roles)))


def _organizations(where: str, table: Mapping[str, Any]) -> frozenset[str] | None:
    organizations = table["organizations"]
    if organizations == EVERY:
        return None
    if not isinstance(organizations, list) or not all(isinstance(one, str) and not check_id(one) for one in organizations):
        raise SettingsError(f'{where}.organizations must be a list of ids, or "*" for every organization')
    return frozenset(organizations)
