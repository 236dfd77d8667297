"""What went wrong when ClickHouse was asked: an outage, which passes by itself, or a refusal, which asking again does not mend.

Rule: docs/architecture.md, the sink. Codes are those of ClickHouse; what names none never got an answer.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import ClickHouseError, DataError
from urllib3.exceptions import HTTPError

from schemas.errors import TransientError

UNREACHABLE = "unreachable"
"""The reason of an outage in which ClickHouse gave no code."""

REFUSED = "refused"
"""The reason of a refusal that the client found out by itself."""

CLIENT_ERRORS = (ClickHouseError, HTTPError, OSError)
"""Whatever the client raises when a server is asked."""

_OUTAGES = {
    3: "UNEXPECTED_END_OF_FILE",
    74: "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    76: "CANNOT_OPEN_FILE",
    159: "TIMEOUT_EXCEEDED",
    173: "CANNOT_ALLOCATE_MEMORY",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    218: "TABLE_IS_DROPPED",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    439: "CANNOT_SCHEDULE_TASK",
    473: "DEADLOCK_AVOIDED",
    499: "S3_ERROR",
    733: "TABLE_IS_BEING_RESTARTED",
    999: "KEEPER_EXCEPTION",
}
"""Codes that say nothing of what was asked, only that it cannot be done now."""

_NOT_ENTITLED = {192: "UNKNOWN_USER", 193: "WRONG_PASSWORD", 194: "REQUIRED_PASSWORD", 516: "AUTHENTICATION_FAILED"}
"""Codes by which ClickHouse does not let a user in."""

_NOT_OF_ROWS = {
    16: "NO_SUCH_COLUMN_IN_TABLE",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    164: "READONLY",
    344: "SUPPORT_IS_DISABLED",
    497: "ACCESS_DENIED",
    **_NOT_ENTITLED,
}
"""Codes that somebody has to see to, but that no row of an insert is the cause of."""

_ENGINE_WORDS = re.compile(r"DB::Exception: (?!.*DB::Exception: )(.*?)(?: \(version .*)?$", re.DOTALL)
_LINE_LENGTH_MAX = 300


class OutageError(TransientError):
    """ClickHouse cannot do now what it was asked; `reason` is its code, or `UNREACHABLE` where it gave none."""

    def __init__(self, sentence: str, *, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class RefusedError(TransientError):
    """ClickHouse does not take what it was given; `code` is its code (None where the client found out), `words` its words.

    `reason` is the code as text, or `REFUSED` where there is none. It is a TransientError since a statement that is refused
    today may be taken once somebody has seen to it: nothing is acknowledged.
    """

    def __init__(self, task: str, *, code: int | None, words: str) -> None:
        super().__init__(f"ClickHouse did not {task}: {words}")
        self.code = code
        self.words = words
        self.reason = REFUSED if code is None else str(code)


def trouble_of(error: Exception, task: str) -> OutageError | RefusedError:
    """Say what an error means that came while ClickHouse was to do a task, such as `make the tables`."""
    code = code_of(error)
    if isinstance(error, DataError) or (code is not None and code not in _OUTAGES):
        return RefusedError(task, code=code, words=one_line(error))
    reason = UNREACHABLE if code is None else str(code)
    return OutageError(f"ClickHouse did not {task}: {one_line(error)}", reason=reason)


def trouble_of_insert(error: Exception, task: str) -> OutageError | RefusedError:
    """Say what an error means that came while rows were inserted: refused is only what the rows may be the cause of."""
    trouble = trouble_of(error, task)
    if isinstance(trouble, RefusedError) and trouble.code in _NOT_OF_ROWS:
        return OutageError(str(trouble), reason=str(trouble.code))
    return trouble


def is_not_entitled(error: Exception) -> bool:
    """Say whether ClickHouse did not let the user in."""
    return code_of(error) in _NOT_ENTITLED


def code_of(error: Exception) -> int | None:
    """Give ClickHouse's code, or None for an error that came without one."""
    code: int | None = getattr(error, "code", None)
    return code


@contextmanager
def telling_trouble(task: str) -> Iterator[None]:
    """Turn whatever the client raises into a TransientError that says in one line what ClickHouse did not do."""
    try:
        yield
    except CLIENT_ERRORS as error:
        raise trouble_of(error, task) from error


def one_line(error: Exception) -> str:
    """Say an error in one line that is short enough to read: in the words of ClickHouse or of the system where it has some."""
    innermost: BaseException = error
    while cause := innermost.__cause__ or innermost.__context__:
        innermost = cause
    words = innermost.strerror if isinstance(innermost, OSError) else None
    from_engine = _ENGINE_WORDS.search(str(error))
    return " ".join((words or (from_engine[1] if from_engine else str(error))).split())[:_LINE_LENGTH_MAX]
