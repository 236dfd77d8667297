"""A proxy between a worker and the broker that loses the answer to a commit, once it is asked to.

It forwards whole requests and whole answers of Kafka's protocol. The request that ends a transaction (EndTxn) with a commit is
forwarded, the broker carries it out and answers; the answer is read here and goes no further. So the commit has happened, and
the one who asked for it does not know.
"""

import contextlib
import socket
import socketserver
import struct
import threading
from enum import Enum
from types import TracebackType
from typing import Self

_HOST = "127.0.0.1"
_END_TRANSACTION = 26
_COMMITTED = b"\x01"
"""The last byte of an EndTxn of the versions without tagged fields, which aiokafka sends: commit, not abort."""
_CONNECT_SECONDS = 10


class Loss(Enum):
    """How an answer is lost."""

    CUT = "the connection is cut"
    SILENCE = "the connection stays open, and nothing comes through it any more"


class CommitProxy:
    """Listens at `port` and connects to a broker at `broker_port`; use it as a context.

    `lost_count` is the number of answers that were lost so far.
    """

    def __init__(self, *, port: int, broker_port: int) -> None:
        self.port = port
        self._broker_port = broker_port
        self._lock = threading.Lock()
        self._wanted: Loss | None = None
        self._lost = threading.Event()
        self.lost_count = 0
        self._server = _Server((_HOST, port), lambda connection, *_: self._serve(connection))
        self._thread = threading.Thread(target=self._server.serve_forever, name="commit proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def lose_next(self, loss: Loss) -> None:
        """Let the answer to the next commit get lost."""
        with self._lock:
            self._wanted = loss
            self._lost.clear()

    def wait_until_lost(self, *, seconds: float) -> bool:
        """Wait until the broker has carried a commit out and its answer is lost; False when the time has passed."""
        return self._lost.wait(seconds)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection((_HOST, self._broker_port), _CONNECT_SECONDS) as broker:
            broker.settimeout(None)
            connection = _Connection(client, broker)
            forwarding = threading.Thread(target=self._forward_requests, args=(connection,), name="requests")
            forwarding.start()
            try:
                self._forward_answers(connection)
            finally:
                connection.close()
                forwarding.join()

    def _forward_requests(self, connection: "_Connection") -> None:
        with contextlib.suppress(OSError):
            while (request := _read_frame(connection.client)) is not None:
                connection.lose_answer_to(request, self._claim(request))
                connection.broker.sendall(struct.pack(">i", len(request)) + request)
        connection.close()

    def _forward_answers(self, connection: "_Connection") -> None:
        is_silent = False
        while (answer := _read_frame(connection.broker)) is not None:
            loss = connection.loss_of(answer)
            if loss is not None and not _is_success(answer):
                self.lose_next(loss)  # the broker did not commit yet: it is asked again
            elif loss is not None:
                self.lost_count += 1
                self._lost.set()
                if loss is Loss.CUT:
                    return
                is_silent = True
            if not is_silent:
                connection.client.sendall(struct.pack(">i", len(answer)) + answer)

    def _claim(self, request: bytes) -> Loss | None:
        """Say how the answer to a request is to be lost; None for most, and for all but one commit each time."""
        [api_key] = struct.unpack_from(">h", request)
        if api_key != _END_TRANSACTION or not request.endswith(_COMMITTED):
            return None
        with self._lock:
            loss, self._wanted = self._wanted, None
        return loss


class _Connection:
    """The two ends of a connection, and the request whose answer is to be lost."""

    def __init__(self, client: socket.socket, broker: socket.socket) -> None:
        self.client = client
        self.broker = broker
        self._losses: dict[bytes, Loss] = {}

    def lose_answer_to(self, request: bytes, loss: Loss | None) -> None:
        """Note, before a request is forwarded, how its answer is to be lost."""
        if loss is not None:
            self._losses[request[4:8]] = loss  # by its correlation id, with which its answer begins

    def loss_of(self, answer: bytes) -> Loss | None:
        """Say, once, how an answer is to be lost; None for one that is not."""
        return self._losses.pop(answer[:4], None)

    def close(self) -> None:
        """Close both ends, so that whoever reads from them goes on."""
        for end in (self.client, self.broker):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    """Serves each connection in a thread; those that are open when it closes end with their clients."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


def _is_success(answer: bytes) -> bool:
    """Say whether an answer to EndTxn tells of no error: after the correlation id come four bytes, then the error code."""
    return answer[8:10] == bytes(2)


def _read_frame(source: socket.socket) -> bytes | None:
    """Read one request or answer without its length; None where the connection has ended."""
    head = _read_exactly(source, 4)
    if head is None:
        return None
    [length] = struct.unpack(">i", head)
    return _read_exactly(source, length)


def _read_exactly(source: socket.socket, length: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        part = source.recv(length - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
