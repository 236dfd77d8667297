"""One HTTP request of ClickHouse's interface, read into what is to be run: statement, data, parameters and settings."""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import lz4.frame
import zstandard

from streams.embedded.gateway_guard import TOKEN, Fault, words

BODY_BYTES_MAX = 1 << 30
"""The greatest body, before and after decompression."""

_STATEMENT_BYTES_MAX = 1 << 20
_NAME = re.compile(r"[A-Za-z_]\w*")
_INSERT = re.compile(rb"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*INSERT\b", re.IGNORECASE | re.DOTALL)
_AFTER_FORMAT = re.compile(rb"[ \t]*;?[ \t]*\r?\n?")
_WORDS_WITHOUT_DATA = frozenset(["SELECT", "VALUES", "WITH", "WATCH", "EXPLAIN", "FROM"])

# What the HTTP interface itself consumes; the engine knows no such settings.
_TRANSPORT = words("""
    query database default_format session_id session_timeout session_check query_id quota_key compress decompress buffer_size
    wait_end_of_query client_protocol_version role user password stacktrace add_http_cors_header enable_http_compression
    http_zlib_compression_level send_progress_in_http_headers http_headers_progress_interval_ms
    http_write_exception_in_output_format cancel_http_readonly_queries_on_client_close
""")


class Request(NamedTuple):
    """What a request asks for.

    `statement` is SQL without inserted data; `data` the rows of an insert in `data_format`, or None where the statement is
    complete in itself; `parameters` the values of `{name:Type}` in ClickHouse's escaped text form; `settings` those of
    this request; `format` how a result is written where the statement does not say.
    """

    statement: str
    data: bytes | None
    data_format: str
    parameters: dict[str, str]
    settings: dict[str, str]
    database: str | None
    format: str
    query_id: str | None
    session_id: str | None
    session_seconds: int


def read_request(fields: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Request:
    """Read a request from the fields of its URL (and form), its headers and its decompressed body.

    The statement may stand in the field `query`, in the body, or begin in the one and go on in the other. Raises `Fault`
    where a name is none or the statement is no UTF-8.
    """
    in_url = fields.get("query", "")
    whole = in_url.encode() + b"\n" + body if in_url and body else in_url.encode() or body
    statement, data, data_format = _split(whole)
    parameters = {}
    settings = {}
    for name, value in fields.items():
        if name.startswith("param_"):
            parameters[_checked_name(name.removeprefix("param_"))] = value
        elif name not in _TRANSPORT:
            settings[_checked_name(name)] = value
    timeout = fields.get("session_timeout", "60")
    return Request(
        statement=statement,
        data=data,
        data_format=data_format,
        parameters=parameters,
        settings=settings,
        database=fields.get("database") or headers.get("X-ClickHouse-Database"),
        format=fields.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        query_id=fields.get("query_id"),
        session_id=fields.get("session_id"),
        session_seconds=min(int(timeout), 3600) if timeout.isdigit() else 60,
    )


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo a body's Content-Encoding: gzip, deflate, zstd or lz4, all frames of it.

    clickhouse-connect sends one frame a block, so a decoder that stops after the first would lose rows silently. Raises
    `Fault` for a broken or truncated body, for one that is too large, and for an unknown encoding.
    """
    if encoding in ("", "identity"):
        return body
    reader = _READERS.get(encoding)
    if reader is None:
        raise Fault(73, "UNKNOWN_FORMAT", f"Unknown content encoding: {encoding}")
    whole = bytearray()
    try:
        for piece in reader(body):
            whole += piece
            if len(whole) > BODY_BYTES_MAX:
                raise Fault(241, "MEMORY_LIMIT_EXCEEDED", f"A body may have at most {BODY_BYTES_MAX} bytes")
    except (OSError, EOFError, RuntimeError, zlib.error, zstandard.ZstdError) as error:
        raise Fault(271, "CANNOT_DECOMPRESS", f"The {encoding} body cannot be decompressed: {error}") from error
    return bytes(whole)


def _gzip_pieces(body: bytes) -> Iterator[bytes]:
    """Decode all members of a gzip body."""
    yield gzip.decompress(body)


def _deflate_pieces(body: bytes) -> Iterator[bytes]:
    """Decode a zlib body."""
    yield zlib.decompress(body)


def _zstandard_pieces(body: bytes) -> Iterator[bytes]:
    """Decode all frames of a zstd body, each to its end."""
    while body:
        decoder = zstandard.ZstdDecompressor().decompressobj()
        yield decoder.decompress(body)
        if not decoder.eof:
            raise EOFError("it is cut off")
        body = decoder.unused_data


def _lz4_pieces(body: bytes) -> Iterator[bytes]:
    """Decode all frames of an lz4 body, each to its end."""
    while body:
        decoder = lz4.frame.LZ4FrameDecompressor()
        yield decoder.decompress(body)
        if not decoder.eof:
            raise EOFError("it is cut off")
        body = decoder.unused_data or b""


_READERS = {"gzip": _gzip_pieces, "deflate": _deflate_pieces, "zstd": _zstandard_pieces, "lz4": _lz4_pieces}


def _split(whole: bytes) -> tuple[str, bytes | None, str]:
    """Part an INSERT ... FORMAT from the data behind it; any other statement stays whole."""
    if _INSERT.match(whole):
        # One character a byte, so that positions agree; the statement itself is decoded afterwards.
        start = whole[:_STATEMENT_BYTES_MAX].decode("latin-1")
        before_format = None
        depth = 0
        for token in TOKEN.finditer(start):
            depth += {"(": 1, ")": -1}.get(token[0], 0)
            word = token["word"]
            # A word within parentheses is the name of a column.
            if word is None or depth > 0:
                continue
            if before_format is not None:
                after = _AFTER_FORMAT.match(whole, token.end())
                begin = after.end() if after else token.end()
                return _text(whole[:before_format]), whole[begin:], word
            if word.upper() == "FORMAT":
                before_format = token.start()
            elif word.upper() in _WORDS_WITHOUT_DATA:
                break
    return _text(whole), None, ""


def _text(statement: bytes) -> str:
    """Decode a statement."""
    try:
        return statement.decode().strip().rstrip(";")
    except UnicodeDecodeError as error:
        raise Fault(62, "SYNTAX_ERROR", f"The statement is no UTF-8: {error}") from error


def _checked_name(name: str) -> str:
    """Check the name of a setting or parameter, which goes into a statement."""
    if not _NAME.fullmatch(name):
        raise Fault(115, "UNKNOWN_SETTING", f"Setting {name!r} is neither a builtin setting nor started with the prefix")
    return name
