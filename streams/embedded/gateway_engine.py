"""The ClickHouse engine behind the gateway: one folder, one handle a query, each query in a worker thread.

Handles are cheap (a tenth of a millisecond) and keep settings, parameters and the current database apart, so queries that
run side by side cannot mix. A session that has state of its own (a temporary table, SET, USE) keeps its handle between
its queries. The engine must never be forked once it is open, and never be used in the main thread, where a query would
hold up signals.
"""

import contextlib
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import chdb

from schemas.errors import SettingsError
from streams.embedded.gateway_guard import TOKEN, Fault, Guard, Limits, mask
from streams.embedded.gateway_request import Request

_SESSIONS_MAX = 100
_CODE = re.compile(r"Code: (\d+)\. (.*?)(?: \(version [^)]*\))?\s*\Z", re.DOTALL)
_NAME_OF_CODE = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*\Z")
_STATEFUL = re.compile(r"\s*(?:SET|USE|CREATE\s+(?:OR\s+REPLACE\s+)?TEMPORARY)\b", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)(?:\s+SETTINGS\b.*)?\s*\Z", re.IGNORECASE | re.DOTALL)


class Result(NamedTuple):
    """What a query gave: the bytes in `format`, and the counts that the server's summary has (rows, bytes, nanoseconds)."""

    content: bytes
    format: str
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    result_rows: int
    elapsed_nanoseconds: int


@dataclass
class _Session:
    """A handle that stays between the queries of a session, and when it may be closed."""

    handle: Any
    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = 0.0


class Engine:
    """One open folder of ClickHouse tables; `run` may be called from any number of worker threads.

    Raises `SettingsError` when the folder cannot be opened, above all when another process has it open.
    """

    def __init__(self, folder: Path, *, configuration: Path, limits: Limits) -> None:
        self._folder = folder.parent
        self._address = f"{folder}?config-file={configuration}"
        try:
            self._first = _connect(self._address)
        except RuntimeError as error:
            raise SettingsError(
                f"the ClickHouse folder {folder} cannot be opened; another process has it open, or it is damaged ({error})"
            ) from error
        self.version = self._column("SELECT version()")[0]
        self.timezone = self._column("SELECT timezone()")[0]
        engines = self._column("SELECT name FROM system.table_engines UNION ALL SELECT name FROM system.database_engines")
        functions = self._column("SELECT name FROM system.table_functions")
        self._guard = Guard.for_engine(engines=engines, functions=functions, limits=limits)
        self._sessions: dict[str, _Session] = {}
        self._sessions_lock = threading.Lock()

    def run(self, request: Request, *, read_only: bool) -> Result:
        """Run one request to its end and give the whole result; raises `Fault` with the engine's code where it fails."""
        self._guard.check(request.statement, parameters=request.parameters)
        settings = self._guard.capped(request.settings)
        with _engine_faults(), self._handle_for(request, read_only=read_only) as handle:
            if request.database:
                handle.query(f"USE {_quoted_name(request.database)}", "Null")
            kept = _changed(handle, settings) if self._is_kept(handle) else None
            values = settings | {f"param_{name}": value for name, value in request.parameters.items()}
            handle.query("SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in values.items()), "Null")
            if read_only:
                # Last, since nothing can be set after it; 2 lets the query's own SETTINGS stand, as the server does for GET.
                handle.query("SET readonly = 2", "Null")
            try:
                return _insert(handle, request, self._folder) if request.data is not None else _query(handle, request)
            finally:
                if kept is not None:
                    _restore(handle, kept)

    def close(self) -> None:
        """Close every handle, and with the last one the folder; no query may be running."""
        for session in self._sessions.values():
            session.handle.close()
        self._sessions.clear()
        self._first.close()

    def _column(self, statement: str) -> list[str]:
        """Give the first column of a query of the engine's own."""
        content: bytes = self._first.query(statement, "TabSeparated").bytes()
        return content.decode().splitlines()

    def _is_kept(self, handle: object) -> bool:
        """Say whether a handle belongs to a session."""
        return any(session.handle is handle for session in list(self._sessions.values()))

    @contextlib.contextmanager
    def _handle_for(self, request: Request, *, read_only: bool) -> Iterator[Any]:
        """Give the session's handle where there is one, else a fresh one for this query.

        A request that may only read never gets a session's handle, since read-only mode could not be left again.
        """
        session = None if read_only or request.session_id is None else self._session_of(request, request.session_id)
        if session is None:
            with contextlib.closing(_connect(self._address)) as handle:
                yield handle
            return
        if not session.lock.acquire(blocking=False):
            raise Fault(373, "SESSION_IS_LOCKED", f"Session {request.session_id} is locked by a concurrent client")
        try:
            yield session.handle
        finally:
            session.until = time.monotonic() + request.session_seconds
            session.lock.release()

    def _session_of(self, request: Request, session_id: str) -> _Session | None:
        """Give a session that has state, beginning one when this statement makes state; ends those that ran out."""
        with self._sessions_lock:
            now = time.monotonic()
            for name, session in list(self._sessions.items()):
                if session.until < now and session.lock.acquire(blocking=False):
                    session.handle.close()
                    del self._sessions[name]
            known = self._sessions.get(session_id)
            if known is None and _STATEFUL.match(mask(request.statement)):
                if len(self._sessions) >= _SESSIONS_MAX:
                    raise Fault(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"More than {_SESSIONS_MAX} sessions have state")
                known = _Session(_connect(self._address), until=now + request.session_seconds)
                self._sessions[session_id] = known
            return known


def _connect(address: str) -> Any:
    """Open a handle to the engine's folder."""
    return chdb.connect(address)  # type: ignore[no-untyped-call]  # the package declares types and has none here


def fault_of(message: str) -> Fault:
    """Read a ClickHouse exception out of what the engine raised."""
    match = _CODE.search(message)
    if match is None:
        return Fault(1002, "UNKNOWN_EXCEPTION", message)
    name = _NAME_OF_CODE.search(match[2])
    text = match[2].removeprefix("DB::Exception: ")
    if name is None:
        return Fault(int(match[1]), "UNKNOWN_EXCEPTION", text)
    return Fault(int(match[1]), name[1], text[: text.rindex("(")].strip())


@contextlib.contextmanager
def _engine_faults() -> Iterator[None]:
    """Turn what the engine raises into faults with its codes."""
    try:
        yield
    except RuntimeError as error:
        raise fault_of(str(error)) from error


def _query(handle: Any, request: Request) -> Result:
    """Run a statement that is complete in itself."""
    asked = _FORMAT.search(mask(request.statement))
    answer = handle.query(request.statement, request.format)
    return Result(
        content=answer.bytes() or b"",
        format=asked[1] if asked else request.format,
        read_rows=answer.storage_rows_read(),
        read_bytes=answer.storage_bytes_read(),
        written_rows=answer.rows_written(),
        written_bytes=answer.bytes_written(),
        result_rows=answer.rows_read(),
        elapsed_nanoseconds=int(answer.elapsed() * 1e9),
    )


def _insert(handle: Any, request: Request, folder: Path) -> Result:
    """Insert the rows of the body, from a file that lasts as long as the insert.

    The engine's streaming insert tells of rows that cannot be read, and passes over in silence what goes wrong behind that:
    a broken constraint, too many partitions, a full disk.
    """
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".rows") as file:
        file.write(request.data or b"")
        file.flush()
        written = handle.query(_from_file(request, file.name), "Null")
    return Result(
        content=b"",
        format=request.format,
        read_rows=written.rows_written(),
        read_bytes=written.bytes_written(),
        written_rows=written.rows_written(),
        written_bytes=written.bytes_written(),
        result_rows=written.rows_written(),
        elapsed_nanoseconds=int(written.elapsed() * 1e9),
    )


def _from_file(request: Request, path: str) -> str:
    """Write an insert so that it reads its rows from a file, which is named before the statement's own settings."""
    settings_at = len(request.statement)
    depth = 0
    for token in TOKEN.finditer(request.statement):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0 and (token["word"] or "").upper() == "SETTINGS":
            settings_at = token.start()
            break
    insert, settings = request.statement[:settings_at], request.statement[settings_at:]
    return f"{insert} FROM INFILE {_quoted(path)} {settings} FORMAT {request.data_format}"


def _changed(handle: Any, settings: dict[str, str]) -> dict[str, str | None]:
    """Note the session's own values of the settings that a request is about to set; None for one at its default."""
    names = ", ".join(_quoted(name) for name in settings)
    statement = f"SELECT name, value FROM system.settings WHERE changed AND name IN ({names})"  # noqa: S608 - names are quoted
    text = handle.query(statement, "JSONCompactEachRow")
    own = dict(json.loads(line) for line in text.bytes().decode().splitlines())
    return {name: own.get(name) for name in settings}


def _restore(handle: Any, kept: dict[str, str | None]) -> None:
    """Give a session its own values back; settings that come with a request hold for that request only."""
    values = (f"{name} = {'DEFAULT' if value is None else _quoted(value)}" for name, value in kept.items())
    handle.query("SET " + ", ".join(values), "Null")


def _quoted(value: str) -> str:
    """Write a value as a string of SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted_name(name: str) -> str:
    """Write a name as a quoted identifier of SQL."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
